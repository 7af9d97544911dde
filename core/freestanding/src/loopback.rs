//! A backend whose kernel is a few lines: packets that are sent are received again.

use core::cell::Cell;
use core::ptr::{self, NonNull};
use core::time::Duration;

use xskit_core::Errno;
use xskit_core::abi::{Desc, MmapOffsets, Options, RingOffset, SockaddrXdp, Statistics};
use xskit_core::backend::{Backend, Calls, Interest, Kick, RingKind, SetOption};
use xskit_core::ring::{AddressSlot, Consumer, DescSlot, Producer, RingMemory, RingSize, Slot};

use crate::area::Area;

/// Slots of each ring.
pub const SLOTS: u32 = 16;
const OFFSET: RingOffset = RingOffset {
    producer: 0,
    consumer: 64,
    flags: 128,
    desc: 192,
};
const PAGE: usize = 4096;

static FILL: Area<PAGE> = Area::zeroed();
static COMPLETION: Area<PAGE> = Area::zeroed();
static RX: Area<PAGE> = Area::zeroed();
static TX: Area<PAGE> = Area::zeroed();

/// One socket, once.
#[derive(Default)]
pub struct Loopback {
    /// Where the UMEM is registered.
    umem: Cell<u64>,
    fill: Cell<Option<RingMemory<'static, AddressSlot>>>,
    completion: Cell<Option<RingMemory<'static, AddressSlot>>>,
    rx: Cell<Option<RingMemory<'static, DescSlot>>>,
    tx: Cell<Option<RingMemory<'static, DescSlot>>>,
    calls: Cell<Calls>,
}

impl Loopback {
    /// Passes every packet on the TX ring for which the fill ring has a frame. Each call makes new
    /// ends, starting at the present values of the shared words.
    fn pass(&self) -> Option<()> {
        let mut tx = Consumer::new(self.tx.get()?);
        let mut fill = Consumer::new(self.fill.get()?);
        let mut rx = Producer::new(self.rx.get()?);
        let mut completion = Producer::new(self.completion.get()?);
        while tx.peek(1) > 0 && fill.peek(1) > 0 && completion.reserve(1) > 0 && rx.reserve(1) > 0 {
            let (sent, addr) = (tx.pop()?, fill.pop()?);
            let received = Desc { addr, ..sent };
            // SAFETY: the core put whole frames on the TX and the fill ring. Both are the kernel's
            // now, which is this code, and they differ; the region outlives the socket.
            unsafe {
                let from =
                    ptr::with_exposed_provenance::<u8>((self.umem.get() + sent.addr) as usize);
                let to = ptr::with_exposed_provenance_mut((self.umem.get() + addr) as usize);
                ptr::copy_nonoverlapping(from, to, sent.len as usize);
            }
            rx.push(received).ok()?;
            completion.push(sent.addr).ok()?;
        }
        tx.release();
        fill.release();
        rx.commit();
        completion.commit();
        Some(())
    }
}

/// Lends a ring's page, to both ends.
fn share<S: Slot>(
    area: &'static Area<PAGE>,
    len_bytes: usize,
) -> Result<(NonNull<u8>, RingMemory<'static, S>), Errno> {
    let base = area.lend().ok_or(Errno::EBUSY)?.cast::<u8>();
    if len_bytes > PAGE {
        return Err(Errno::ENOMEM);
    }
    let size = RingSize::new(SLOTS).map_err(|_| Errno::EINVAL)?;
    // SAFETY: a zeroed static page, lent only to the two ends of one ring, which use atomics;
    // `pass` pushes only what it took off the other rings.
    let memory = unsafe { RingMemory::from_map(base, len_bytes, &OFFSET, size) };
    Ok((base, memory.map_err(|_| Errno::EINVAL)?))
}

// SAFETY: `map` returns pages of statics, each once, so they stay valid and are shared only with
// `pass`, which runs inside `kick` and touches only frames that the core gave to the kernel.
unsafe impl Backend for Loopback {
    type Socket = ();

    const IS_SIMULATED: bool = true;

    fn name(&self) -> &'static str {
        "loopback"
    }

    fn open(&self) -> Result<(), Errno> {
        Ok(())
    }

    fn set_option(&self, (): &(), option: SetOption) -> Result<(), Errno> {
        match option {
            SetOption::UmemReg(reg) => self.umem.set(reg.addr),
            SetOption::RingSize(_, SLOTS) => {}
            SetOption::RingSize(..) => return Err(Errno::EINVAL),
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    fn offsets(&self, (): &()) -> Result<MmapOffsets, Errno> {
        Ok(MmapOffsets {
            rx: OFFSET,
            tx: OFFSET,
            fr: OFFSET,
            cr: OFFSET,
        })
    }

    fn statistics(&self, (): &()) -> Result<Statistics, Errno> {
        Ok(Statistics::default())
    }

    fn options(&self, (): &()) -> Result<Options, Errno> {
        Ok(Options::default())
    }

    fn map(&self, (): &(), ring: RingKind, len_bytes: usize) -> Result<NonNull<u8>, Errno> {
        match ring {
            RingKind::Fill => share(&FILL, len_bytes).map(|(base, memory)| {
                self.fill.set(Some(memory));
                base
            }),
            RingKind::Completion => share(&COMPLETION, len_bytes).map(|(base, memory)| {
                self.completion.set(Some(memory));
                base
            }),
            RingKind::Rx => share(&RX, len_bytes).map(|(base, memory)| {
                self.rx.set(Some(memory));
                base
            }),
            RingKind::Tx => share(&TX, len_bytes).map(|(base, memory)| {
                self.tx.set(Some(memory));
                // SAFETY: the flags word is inside the page just lent, which nothing else uses yet.
                unsafe { base.add(OFFSET.flags as usize).cast::<u32>().write(1) };
                base
            }),
        }
    }

    unsafe fn unmap(&self, _base: NonNull<u8>, _len_bytes: usize) {}

    fn bind(&self, (): &(), _address: &SockaddrXdp) -> Result<(), Errno> {
        Ok(())
    }

    fn close(&self, (): ()) {}

    fn kick(&self, (): &(), _kick: Kick) -> Result<(), Errno> {
        let mut calls = self.calls.get();
        calls.kicks += 1;
        self.calls.set(calls);
        self.pass().ok_or(Errno::EINVAL)
    }

    fn submit(&self) -> Result<(), Errno> {
        Ok(())
    }

    fn wait(
        &self,
        interests: &[(&(), Interest)],
        _timeout: Option<Duration>,
    ) -> Result<usize, Errno> {
        Ok(interests.len())
    }

    fn calls(&self) -> Calls {
        self.calls.get()
    }
}

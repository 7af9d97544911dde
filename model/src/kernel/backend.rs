//! The kernel behind the `Backend` trait.
#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::time::Duration;

use xskit_core::abi::{MmapOffsets, OPTIONS_ZEROCOPY, Options, SockaddrXdp, Statistics};
use xskit_core::backend::{Backend, Calls, Interest, Kick, RingKind, SetOption, Sleep};
use xskit_core::{Errno, abi};

use super::{AtWait, Kernel, KernelSocket, Ring, State};
use crate::config::IFINDEX;
use crate::op::{Answer, OpenStep};

/// What a step that is to be refused is refused with.
pub(crate) const REFUSAL: Errno = Errno::ENOMEM;

impl State {
    fn step(&mut self, step: OpenStep) -> Result<(), Errno> {
        self.calls.setup += 1;
        match self.refused {
            Some(refused) if refused == step => Err(REFUSAL),
            _ => Ok(()),
        }
    }

    fn map(&mut self, kind: RingKind, len_bytes: usize) -> Result<NonNull<u8>, Errno> {
        let slots = self.sizes[kind as usize].ok_or(Errno::EINVAL)?;
        let ring = Ring::new(kind, slots, self.starts[kind as usize]);
        if kind == RingKind::Tx {
            // As a kernel in copy mode does: it sends only when kicked.
            ring.set_flags(abi::RING_NEED_WAKEUP);
        }
        if len_bytes > ring.len_bytes() || self.rings[kind as usize].is_some() {
            return Err(Errno::EINVAL);
        }
        let base = ring.base();
        self.rings[kind as usize] = Some(ring);
        Ok(base)
    }

    fn kick(&mut self, kick: Kick) -> Result<(), Errno> {
        self.kicks.push(kick);
        let Kick::Transmit { times } = kick else {
            self.calls.wakes += 1;
            return Ok(());
        };
        for _ in 0..times {
            self.calls.kicks += 1;
            match self.answer {
                Answer::Later => break,
                Answer::Takes(count) => {
                    if self.take(u32::from(count)) == 0 {
                        break;
                    }
                    self.calls.count_transient(Errno::EAGAIN);
                }
                Answer::Busy(transient) => self.calls.count_transient(transient.errno()),
                Answer::Fails => return Err(Errno::EPERM),
            }
        }
        Ok(())
    }

    /// How many sockets are ready after a wait.
    fn wait(&mut self) -> usize {
        self.calls.waits += 1;
        if self.sleep == Sleep::Never {
            return 0;
        }
        let producer = |kind| self.ring(kind).map_or(0, Ring::producer);
        self.waits.push(AtWait {
            shown: (producer(RingKind::Tx), producer(RingKind::Fill)),
            kicks: self.kicks.len(),
        });
        let is_kicked =
            self.sleep == Sleep::Kicks && self.ring(RingKind::Tx).is_some_and(Ring::needs_wakeup);
        if let (true, Answer::Takes(count)) = (is_kicked, self.answer) {
            self.take(count.into());
        }
        self.wakes_up.into()
    }
}

// SAFETY: `map` returns memory of at least the asked-for length, kept until the next `open`, which
// is refused before `close`, and shared with `State` only, which uses atomics; `offsets` is how it
// is laid out. Nothing here writes to the UMEM.
unsafe impl Backend for Kernel {
    type Socket = KernelSocket;

    const IS_SIMULATED: bool = true;

    fn name(&self) -> &'static str {
        "model"
    }

    fn open(&self) -> Result<KernelSocket, Errno> {
        let mut state = self.state();
        state.step(OpenStep::Create)?;
        if state.is_open {
            return Err(Errno::EMFILE);
        }
        state.is_open = true;
        state.umem = None;
        state.sizes = [None; 4];
        state.rings = [const { None }; 4];
        Ok(KernelSocket {
            _made_here_only: (),
        })
    }

    fn set_option(&self, _: &KernelSocket, option: SetOption) -> Result<(), Errno> {
        let mut state = self.state();
        match option {
            SetOption::UmemReg(reg) => {
                state.step(OpenStep::Register)?;
                state.umem = Some(reg);
            }
            SetOption::RingSize(..) if state.is_bound => return Err(Errno::EBUSY),
            SetOption::RingSize(kind, slots) => {
                state.step(OpenStep::Size(kind))?;
                if state.sizes[kind as usize].is_some() {
                    return Err(Errno::EINVAL);
                }
                state.sizes[kind as usize] = Some(slots);
            }
            SetOption::TransmitBudget(budget) if state.raises_budget => {
                let most = state.sizes[RingKind::Tx as usize].unwrap_or(0);
                if !(32..=most).contains(&budget) {
                    return Err(Errno::EACCES);
                }
            }
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    fn offsets(&self, _: &KernelSocket) -> Result<MmapOffsets, Errno> {
        self.state().step(OpenStep::Offsets)?;
        Ok(MmapOffsets {
            rx: Ring::OFFSETS,
            tx: Ring::OFFSETS,
            fr: Ring::OFFSETS,
            cr: Ring::OFFSETS,
        })
    }

    fn statistics(&self, _: &KernelSocket) -> Result<Statistics, Errno> {
        Ok(Statistics::default())
    }

    fn options(&self, _: &KernelSocket) -> Result<Options, Errno> {
        let mut state = self.state();
        state.step(OpenStep::Confirm)?;
        let flags = if state.is_zero_copy {
            OPTIONS_ZEROCOPY
        } else {
            0
        };
        Ok(Options { flags })
    }

    fn map(
        &self,
        _: &KernelSocket,
        ring: RingKind,
        len_bytes: usize,
    ) -> Result<NonNull<u8>, Errno> {
        let mut state = self.state();
        state.step(OpenStep::Map(ring))?;
        state.map(ring, len_bytes)
    }

    unsafe fn unmap(&self, _base: NonNull<u8>, _len_bytes: usize) {
        // The memory stays until the next `open`: the kernel's end of the ring is still there.
    }

    fn bind(&self, _: &KernelSocket, address: &SockaddrXdp) -> Result<(), Errno> {
        let mut state = self.state();
        state.is_bound = state.refused == Some(OpenStep::BoundElsewhere);
        state.step(OpenStep::BoundElsewhere)?;
        state.step(OpenStep::Bind)?;
        let is_whole = state.umem.is_some() && state.rings.iter().all(Option::is_some);
        if !is_whole || address.family != abi::AF_XDP || address.ifindex != IFINDEX {
            return Err(Errno::EINVAL);
        }
        state.is_bound = true;
        Ok(())
    }

    fn close(&self, _: KernelSocket) {
        let mut state = self.state();
        state.is_open = false;
        state.is_bound = false;
        state.unsettled = 0;
        state.receiving.clear();
        state.sending.clear();
    }

    fn kick(&self, _: &KernelSocket, kick: Kick) -> Result<(), Errno> {
        self.state().kick(kick)
    }

    fn submit(&self) -> Result<(), Errno> {
        self.state().submits += 1;
        Ok(())
    }

    fn wait(&self, _: &[(&KernelSocket, Interest)], _: Option<Duration>) -> Result<usize, Errno> {
        Ok(self.state().wait())
    }

    fn sleep(&self) -> Sleep {
        self.state().sleep
    }

    fn calls(&self) -> Calls {
        self.state().calls
    }
}

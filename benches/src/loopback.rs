//! A backend with one socket that receives what it sends.
//!
//! The simulated kernel of `xskit-core` (`sim`) copies packets, checks them and keeps a wire: a
//! benchmark over it would measure that work, not the socket's; this backend only passes
//! descriptors on.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use xskit_core::abi::{Desc, MmapOffsets, Options, RingOffset, SockaddrXdp, Statistics};
use xskit_core::backend::{Backend, Calls, Interest, Kick, RingKind, SetOption};
use xskit_core::errno::Errno;
use xskit_core::ring::{RingSize, Slot};

use crate::peer::Peer;
use crate::ring_view::{RingView, RingViews};

/// Every word of a ring on its own cache line, as in the kernel.
const RING_OFFSET: RingOffset = RingOffset {
    producer: 0,
    consumer: 64,
    flags: 128,
    desc: 192,
};

/// The unit of a ring's memory.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct CacheLine {
    _bytes: [u8; 64],
}

/// The backend, and the other side of its one socket. Kicks are done at once, or never needed.
#[derive(Default)]
pub struct Loopback {
    /// The caller plays the kernel, through [`views`](Self::views).
    never_kicked: bool,
    sizes: [Cell<Option<RingSize>>; 4],
    /// The memory of the rings, by [`RingKind`]; freed when this is dropped.
    maps: [Cell<Option<NonNull<[CacheLine]>>>; 4],
    /// There from `bind(2)` to `close(2)`.
    peer: RefCell<Option<Peer<'static>>>,
    calls: Cell<Calls>,
}

impl Loopback {
    /// A backend whose rings need no kick, and whose kernel is the caller, through
    /// [`views`](Self::views).
    #[must_use]
    pub fn never_kicked() -> Self {
        let mut backend = Self::default();
        backend.never_kicked = true;
        backend
    }

    /// Four empty rings of one size, without a socket, whose kernel is the caller.
    ///
    /// # Panics
    /// Never: nothing else is mapped.
    #[must_use]
    pub fn of_rings(size: RingSize) -> Self {
        let backend = Self::never_kicked();
        for kind in [
            RingKind::Fill,
            RingKind::Completion,
            RingKind::Rx,
            RingKind::Tx,
        ] {
            backend.sizes[kind as usize].set(Some(size));
            let len_bytes = RING_OFFSET.desc as usize + size.slots() as usize * size_of::<Desc>();
            backend.map(&(), kind, len_bytes).expect("not mapped yet");
        }
        backend
    }

    /// The four rings, once a socket is open.
    ///
    /// # Errors
    /// EINVAL before that.
    pub fn views(&self) -> Result<RingViews<'_>, Errno> {
        // SAFETY: the views borrow `self`, with which the memory is freed.
        unsafe { self.unbound_views() }
    }

    /// # Safety
    /// The views are not used once `self` is dropped.
    unsafe fn unbound_views<'m>(&self) -> Result<RingViews<'m>, Errno> {
        // SAFETY: lifetime: as this function's caller has promised; the fields' types give each
        // ring the slots that it has.
        unsafe {
            Ok(RingViews {
                fill: self.view(RingKind::Fill)?,
                completion: self.view(RingKind::Completion)?,
                rx: self.view(RingKind::Rx)?,
                tx: self.view(RingKind::Tx)?,
            })
        }
    }

    /// # Safety
    /// The view is not used once `self` is dropped, and is of the slots that the ring has.
    unsafe fn view<'m, S: Slot>(&self, kind: RingKind) -> Result<RingView<'m, S>, Errno> {
        let size = self.sizes[kind as usize].get().ok_or(Errno::EINVAL)?;
        let lines = self.maps[kind as usize].get().ok_or(Errno::EINVAL)?;
        let at = |offset: u64| lines.cast::<u8>().as_ptr().wrapping_add(offset as usize);
        // SAFETY: bounds: `map` was asked for `size` slots behind the words, which are of type `S`
        // by the caller's promise; alignment: lines and offsets are multiples of 64;
        // initialisation: zeroed, and valid as any bytes; lifetime: the memory is freed with
        // `self`, after the view's last use, as promised; aliasing: atomics, as both ends use.
        Ok(unsafe {
            RingView {
                producer: AtomicU32::from_ptr(at(RING_OFFSET.producer).cast()),
                consumer: AtomicU32::from_ptr(at(RING_OFFSET.consumer).cast()),
                flags: AtomicU32::from_ptr(at(RING_OFFSET.flags).cast()),
                slots: slice::from_raw_parts(at(RING_OFFSET.desc).cast(), size.slots() as usize),
            }
        })
    }

    fn count(&self, count: impl FnOnce(&mut Calls)) {
        let mut calls = self.calls.get();
        count(&mut calls);
        self.calls.set(calls);
    }
}

// SAFETY: `map` returns memory of the asked-for length, shared only with the peer and with `views`,
// by atomics; it lives as long as the backend, and so longer than the mapping; `offsets` is how
// that memory is laid out; the peer never touches the UMEM at all.
unsafe impl Backend for Loopback {
    type Socket = ();

    const IS_SIMULATED: bool = true;

    fn name(&self) -> &'static str {
        "loopback"
    }

    fn open(&self) -> Result<(), Errno> {
        // The rings of an earlier socket may be mapped, so a backend has one socket only.
        match self.maps.iter().all(|map| map.get().is_none()) {
            true => Ok(()),
            false => Err(Errno::EBUSY),
        }
    }

    fn set_option(&self, (): &(), option: SetOption) -> Result<(), Errno> {
        if let SetOption::RingSize(ring, slots) = option {
            let size = RingSize::new(slots).map_err(|_| Errno::EINVAL)?;
            self.sizes[ring as usize].set(Some(size));
        }
        Ok(())
    }

    fn offsets(&self, (): &()) -> Result<MmapOffsets, Errno> {
        Ok(MmapOffsets {
            rx: RING_OFFSET,
            tx: RING_OFFSET,
            fr: RING_OFFSET,
            cr: RING_OFFSET,
        })
    }

    fn statistics(&self, (): &()) -> Result<Statistics, Errno> {
        Ok(Statistics::default())
    }

    fn options(&self, (): &()) -> Result<Options, Errno> {
        Ok(Options::default())
    }

    fn map(&self, (): &(), ring: RingKind, len_bytes: usize) -> Result<NonNull<u8>, Errno> {
        let map = &self.maps[ring as usize];
        if map.get().is_some() {
            return Err(Errno::EBUSY);
        }
        let lines = vec![CacheLine { _bytes: [0; 64] }; len_bytes.div_ceil(64)].into_boxed_slice();
        let lines = NonNull::from(Box::leak(lines));
        map.set(Some(lines));
        if ring == RingKind::Tx && !self.never_kicked {
            // As in copy mode, where the kernel sends only when kicked.
            let flags = lines
                .cast::<u8>()
                .as_ptr()
                .wrapping_add(RING_OFFSET.flags as usize);
            // SAFETY: the word lies inside `lines` since every ring has more than 192 bytes, is
            // aligned, and has no other user yet.
            unsafe { flags.cast::<u32>().write(xskit_core::abi::RING_NEED_WAKEUP) };
        }
        Ok(lines.cast())
    }

    unsafe fn unmap(&self, _base: NonNull<u8>, _len_bytes: usize) {
        // The memory goes with the backend, since the peer still has its ends of the rings.
    }

    fn bind(&self, (): &(), _address: &SockaddrXdp) -> Result<(), Errno> {
        if !self.never_kicked {
            // SAFETY: only the peer has these views; it stays in `self.peer`, and is dropped before
            // the memory.
            let rings = unsafe { self.unbound_views()? };
            *self.peer.borrow_mut() = Some(Peer::new(&rings));
        }
        Ok(())
    }

    fn close(&self, (): ()) {
        *self.peer.borrow_mut() = None;
    }

    #[inline]
    fn kick(&self, (): &(), kick: Kick) -> Result<(), Errno> {
        match kick {
            Kick::Transmit { .. } => {
                self.count(|calls| calls.kicks += 1);
                if let Some(peer) = self.peer.borrow_mut().as_mut() {
                    peer.peer_turn();
                }
            }
            Kick::Receive => self.count(|calls| calls.wakes += 1),
        }
        Ok(())
    }

    #[inline]
    fn submit(&self) -> Result<(), Errno> {
        Ok(())
    }

    fn wait(&self, _: &[(&(), Interest)], _: Option<Duration>) -> Result<usize, Errno> {
        self.count(|calls| calls.waits += 1);
        Ok(0)
    }

    fn calls(&self) -> Calls {
        self.calls.get()
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        *self.peer.get_mut() = None;
        for lines in self.maps.iter().filter_map(Cell::take) {
            // SAFETY: each was leaked from a box by `map`, and is taken out here only. The socket
            // borrowed `self`, so it is gone or leaked and never used again, and the peer is gone.
            drop(unsafe { Box::from_raw(lines.as_ptr()) });
        }
    }
}

//! The kernel's side of one socket.

use std::ptr::NonNull;

use xskit_core::Errno;
use xskit_core::abi::{Desc, RING_NEED_WAKEUP, UmemReg};
use xskit_core::backend::{Kick, RingKind};

use super::Ring;

/// The kernel's state of one socket.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// The registration, by this socket or by the one whose UMEM it shares.
    pub(crate) umem: Option<UmemReg>,
    pub(super) sizes: [Option<u32>; 4],
    pub(super) rings: [Option<Ring>; 4],
    pub(super) is_open: bool,
    pub(crate) is_bound: bool,
    /// The packets taken off the TX ring since the last look.
    pub(crate) taken: Vec<Desc>,
    /// The kicks since the last look.
    pub(crate) kicks: Vec<Kick>,
}

impl Side {
    /// A socket as `socket(2)` makes it.
    pub(super) fn open() -> Self {
        Self {
            is_open: true,
            ..Self::default()
        }
    }

    /// The socket is closed. The memory of its rings stays until the next one is opened.
    pub(super) fn close(&mut self) {
        self.is_open = false;
        self.is_bound = false;
    }

    /// A ring of the bound socket; none without one.
    pub(crate) fn ring(&self, kind: RingKind) -> Option<&Ring> {
        self.rings[kind as usize].as_ref().filter(|_| self.is_bound)
    }

    /// Maps a ring whose size was set, with these words.
    pub(super) fn map(
        &mut self,
        kind: RingKind,
        len_bytes: usize,
        words: (u32, u32),
    ) -> Result<NonNull<u8>, Errno> {
        let slots = self.sizes[kind as usize].ok_or(Errno::EINVAL)?;
        let ring = Ring::new(kind, slots, words);
        if kind == RingKind::Tx {
            // As a kernel in copy mode does: it sends only when kicked.
            ring.set_flags(RING_NEED_WAKEUP);
        }
        if len_bytes > ring.len_bytes() || self.rings[kind as usize].is_some() {
            return Err(Errno::EINVAL);
        }
        let base = ring.base();
        self.rings[kind as usize] = Some(ring);
        Ok(base)
    }

    /// Frames that a late bind would find on the fill ring mapped last. A duplicate of the
    /// descriptor can bind after the socket was given up.
    pub(crate) fn found_by_late_bind(&self) -> u32 {
        self.rings[RingKind::Fill as usize]
            .as_ref()
            .map_or(0, Ring::filled)
    }

    /// Takes up to `count` packets off the TX ring.
    pub(crate) fn take(&mut self, count: u32) {
        if let Some(tx) = &self.rings[RingKind::Tx as usize] {
            self.taken.extend((0..count).map_while(|_| tx.take()));
        }
    }

    /// Sets or clears NEED_WAKEUP of a ring.
    pub(crate) fn want_wakeup(&self, kind: RingKind, wanted: bool) {
        if let Some(ring) = self.ring(kind) {
            ring.set_flags(if wanted { RING_NEED_WAKEUP } else { 0 });
        }
    }
}

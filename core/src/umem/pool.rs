//! The frames of a UMEM and every way in which one changes its owner.

use core::cell::Cell;

use super::ledger::Ledger;
use super::memory::Frames;
use super::stash::Stash;
use super::{Census, Frame, Owner};
use crate::abi::Desc;

/// All that tokens and sockets need to know of a UMEM.
///
/// ```text
///        ┌──── lend ───► Receive ───── accept ────┐
///        │                                        ▼
///      Stash ───────────── alloc ──────────► Application
///        ▲ ▲                                    │  │
///        │ └────────────── drop ────────────────┘  │
///        └── reclaim ── Transmit ◄──── send ───────┘
/// ```
#[derive(Debug)]
pub(crate) struct Pool<'s> {
    frames: Frames,
    stash: Stash<'s>,
    ledger: Ledger<'s>,
    /// Whether a socket is open over this UMEM.
    claimed: Cell<bool>,
}

/// A descriptor from the kernel that names no frame the kernel owns. It is counted and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadDescriptor;

impl<'s> Pool<'s> {
    pub(super) fn new(frames: Frames, stash: Stash<'s>, ledger: Ledger<'s>) -> Self {
        Self {
            frames,
            stash,
            ledger,
            claimed: Cell::new(false),
        }
    }

    pub(super) fn frames(&self) -> &Frames {
        &self.frames
    }

    /// Length of all frames in bytes, and where they start, to register with the kernel.
    pub(crate) fn extent(&self) -> (u64, u64) {
        let len = u64::from(self.frames.count()) << self.frames.size().shift();
        (self.frames.exposed_address(), len)
    }

    #[inline]
    pub(crate) fn frame_size_bytes(&self) -> u32 {
        self.frames.size().bytes()
    }

    #[inline]
    pub(crate) fn free(&self) -> u32 {
        self.stash.len()
    }

    pub(crate) fn frame_count(&self) -> u32 {
        self.frames.count()
    }

    pub(crate) fn census(&self) -> Census {
        Census::of(self.ledger.owners())
    }

    /// Stash to application.
    #[inline]
    pub(crate) fn alloc(&self) -> Option<Frame<'_>> {
        let index = self.stash.pop()?;
        self.ledger
            .pass(index, Owner::Stash, Owner::Application)
            .then(|| Frame::new(self, index, 0, 0))
    }

    /// Application to stash: what dropping a token does.
    #[inline]
    pub(super) fn give_back(&self, index: u32) {
        if self.ledger.pass(index, Owner::Application, Owner::Stash) {
            self.stash.push(index);
        }
    }

    /// Stash to the kernel, to receive into: the address for the fill ring.
    #[inline]
    pub(crate) fn lend(&self) -> Option<u64> {
        let index = self.stash.pop()?;
        self.ledger
            .pass(index, Owner::Stash, Owner::Receive)
            .then(|| self.address(index, 0))
    }

    /// Application to the kernel, to send.
    #[inline]
    pub(super) fn send(&self, index: u32, start: u32, len: u32) -> Desc {
        self.ledger.pass(index, Owner::Application, Owner::Transmit);
        Desc {
            addr: self.address(index, start),
            len,
            options: 0,
        }
    }

    /// From the RX ring to the application, if the descriptor names a packet inside one frame
    /// that the kernel had to receive into.
    #[inline]
    pub(crate) fn accept(&self, desc: Desc) -> Result<Frame<'_>, BadDescriptor> {
        let (index, start) = self.locate(desc.addr)?;
        if u64::from(start) + u64::from(desc.len) > u64::from(self.frame_size_bytes())
            || desc.options != 0
            || !self.ledger.pass(index, Owner::Receive, Owner::Application)
        {
            return Err(BadDescriptor);
        }
        Ok(Frame::new(self, index, start, desc.len))
    }

    /// From the completion ring to the stash, if the address names a frame the kernel had to send.
    #[inline]
    pub(crate) fn reclaim(&self, address: u64) -> Result<(), BadDescriptor> {
        let (index, _) = self.locate(address)?;
        if self.ledger.pass(index, Owner::Transmit, Owner::Stash) {
            self.stash.push(index);
            Ok(())
        } else {
            Err(BadDescriptor)
        }
    }

    /// Marks the UMEM as used by a socket; false when it is already.
    pub(crate) fn claim(&self) -> bool {
        !self.claimed.replace(true)
    }

    pub(crate) fn is_claimed(&self) -> bool {
        self.claimed.get()
    }

    /// The socket is closed. What the kernel had is retired if the socket was bound, and goes back
    /// to the stash if it never was.
    ///
    /// Nothing says when the kernel, or a device in zero-copy mode, is done with a frame: a second
    /// descriptor of the socket, or a poll armed on it, keeps it receiving.
    pub(crate) fn unclaim(&self, was_bound: bool) {
        let to = if was_bound {
            Owner::Retired
        } else {
            Owner::Stash
        };
        for index in 0..self.frames.count() {
            let passed = self.ledger.pass(index, Owner::Receive, to)
                || self.ledger.pass(index, Owner::Transmit, to);
            if passed && to == Owner::Stash {
                self.stash.push(index);
            }
        }
        self.claimed.set(false);
    }

    #[inline]
    fn address(&self, index: u32, start: u32) -> u64 {
        (u64::from(index) << self.frames.size().shift()) + u64::from(start)
    }

    /// The frame that an address lies in, and where in it. The ledger knows whether it exists.
    #[inline]
    fn locate(&self, address: u64) -> Result<(u32, u32), BadDescriptor> {
        let index =
            u32::try_from(address >> self.frames.size().shift()).map_err(|_| BadDescriptor)?;
        Ok((index, address as u32 & (self.frame_size_bytes() - 1)))
    }
}

//! The frames of a UMEM, and every way in which the program passes one on. What comes back from the
//! kernel is checked in `descriptor.rs`.

use core::cell::Cell;
use core::iter::Rev;
use core::slice;

use super::census::Census;
use super::entry::{Entry, Owner, SocketNumber};
use super::ledger::{FrameIndex, FrameSlot, Ledger};
use super::memory::Frames;
use super::size::FrameSize;
use super::stash::Stash;
use crate::ring::Cursor;

/// The part of a UMEM that tokens and sockets use.
///
/// ```text
///                        the kernel
///        ┌──── lend ───► to receive ── accept ────┐
///        │                                        ▼
///      stash ───────────── alloc ─────────────► Frame
///        ▲ ▲                                    │  │
///        │ └────────────── drop ────────────────┘  │
///        └── reclaim ───  to send  ◄── send ───────┘
/// ```
///
/// The ledger knows what the kernel has; stash and tokens tell the rest apart.
#[derive(Debug)]
pub(crate) struct Pool<'s> {
    frames: Frames,
    pub(super) stash: Stash<'s>,
    pub(super) ledger: Ledger<'s>,
    /// Which sockets are open over this UMEM: a bit for each number.
    sockets: Cell<u64>,
}

impl<'s> Pool<'s> {
    /// All frames are free. There must be as many slots.
    pub(super) fn new(frames: Frames, slots: &'s [FrameSlot]) -> Self {
        let (stash, ledger) = (Stash::new(slots), Ledger::new(slots));
        stash.hold_all(ledger);
        Self {
            frames,
            stash,
            ledger,
            sockets: Cell::new(0),
        }
    }

    /// Starts again over other memory of as many frames: all of them are free.
    pub(super) fn restart(&mut self, frames: Frames) {
        self.ledger.restart();
        self.stash.hold_all(self.ledger);
        self.frames = frames;
        self.sockets.set(0);
    }

    #[inline]
    pub(super) fn frames(&self) -> &Frames {
        &self.frames
    }

    /// Where the frames start, and their length in bytes, to register with the kernel.
    pub(crate) fn extent(&self) -> (u64, u64) {
        let len = self.frames.size().address(self.frames.count());
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
        Census::of(self.ledger.owners(), self.stash.len())
    }

    /// How many frames the kernel has by this socket, to receive into and to send.
    pub(crate) fn count_with(&self, socket: SocketNumber) -> (u32, u32) {
        let held = self.ledger.with(socket);
        held.fold((0, 0), |(receive, transmit), (_, owner)| {
            if owner == Owner::Receive {
                (receive + 1, transmit)
            } else {
                (receive, transmit + 1)
            }
        })
    }

    /// Stash to application.
    #[inline]
    pub(super) fn alloc(&self) -> Option<FrameIndex> {
        self.stash.pop()
    }

    /// Application to stash: what dropping a token does.
    #[inline]
    pub(super) fn give_back(&self, index: FrameIndex) {
        // There is room for every frame. Without room this one would stay out of use.
        let _ = self.stash.push(index);
    }

    /// Stash to the kernel, to receive into: offers up to `wanted` addresses to `push`, which must
    /// put those that it takes on the fill ring, from place `at` on. Returns their number.
    #[inline]
    pub(crate) fn lend(
        &self,
        socket: SocketNumber,
        wanted: u32,
        at: Cursor,
        push: impl FnOnce(&mut Lending<'_>),
    ) -> u32 {
        let taken = self.stash.pop_many(wanted, |slots| {
            let mut lending = Lending {
                slots: slots.iter().rev(),
                ledger: self.ledger,
                next: Entry::loan(socket, at),
                size: self.frames.size(),
            };
            push(&mut lending);
            slots.len() - lending.len()
        });
        taken as u32
    }

    /// Application to the kernel, to send.
    #[inline]
    pub(super) fn send(&self, socket: SocketNumber, index: FrameIndex) {
        self.ledger.send(socket, index);
    }

    /// The number of one more socket; `None` if all are taken.
    pub(crate) fn claim(&self) -> Option<SocketNumber> {
        let sockets = self.sockets.get();
        let number = SocketNumber::lowest_free(sockets)?;
        self.sockets.set(sockets | number.bit());
        Some(number)
    }

    /// Whether a socket is open over this UMEM.
    pub(crate) fn is_claimed(&self) -> bool {
        self.sockets.get() != 0
    }

    /// The socket is closed. Frames that the kernel had by it are retired, or go back to the stash
    /// if the kernel will never use them.
    ///
    /// Nothing says when the kernel, or a device in zero-copy mode, is done with a frame: a second
    /// descriptor of the socket, or a poll armed on it, keeps it receiving.
    pub(crate) fn unclaim(&self, socket: SocketNumber, is_disowned: bool) {
        for (index, _) in self.ledger.with(socket) {
            if is_disowned {
                self.ledger.take_back(index);
                self.give_back(index);
            } else {
                self.ledger.retire(index);
            }
        }
        self.sockets.set(self.sockets.get() & !socket.bit());
    }
}

/// Addresses for the fill ring, from the stash: the kernel has each as soon as it is yielded.
pub(crate) struct Lending<'p> {
    /// The top of the stash is the last.
    slots: Rev<slice::Iter<'p, FrameSlot>>,
    ledger: Ledger<'p>,
    /// The entry of the next one.
    next: Entry,
    size: FrameSize,
}

impl Iterator for Lending<'_> {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        let index = self.slots.next()?.free.get();
        self.ledger.lend(index, self.next);
        self.next = self.next.next_loan();
        Some(self.size.address(index.get()))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.slots.size_hint()
    }
}

impl ExactSizeIterator for Lending<'_> {}

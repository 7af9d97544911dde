//! The sending half of a socket: the TX and the completion ring.

use super::reservation::Reservation;
use super::send_error::{SendError, SendErrorKind};
use super::wakeups::Backlog;
use crate::ring::{CompletionRing, TxRing};
use crate::umem::{Frame, Pool, SocketNumber};

/// Hands packets to the kernel and takes their frames back.
#[derive(Debug)]
pub(super) struct Transmitter<'u> {
    pub(super) pool: &'u Pool<'u>,
    /// The socket's number among its UMEM's.
    socket: SocketNumber,
    pub(super) tx: TxRing<'u>,
    pub(super) completion: CompletionRing<'u>,
    bad_completions: u64,
    /// How many packets the kernel was shown.
    published: u64,
    completed: u64,
}

impl<'u> Transmitter<'u> {
    pub(super) fn new(
        pool: &'u Pool<'u>,
        socket: SocketNumber,
        tx: TxRing<'u>,
        completion: CompletionRing<'u>,
    ) -> Self {
        Self {
            pool,
            socket,
            tx,
            completion,
            bad_completions: 0,
            published: 0,
            completed: 0,
        }
    }

    /// Puts a frame's packet on the TX ring; the kernel sees it with the next flush.
    ///
    /// Makes no reservation of one slot, which would take more instructions.
    ///
    /// # Errors
    /// [`SendError`] gives the frame back if the ring is full, the packet is empty, or the frame is
    /// of another UMEM.
    #[inline]
    pub(super) fn send(&mut self, frame: Frame<'u>) -> Result<(), SendError<'u>> {
        if let Some(kind) = SendErrorKind::of(&frame, self.pool) {
            return Err(SendError { kind, frame });
        }
        if self.tx.reserve(1) == 0 {
            return Err(SendError {
                kind: SendErrorKind::Full,
                frame,
            });
        }
        // A slot was just reserved, so this cannot be full. If it were, the frame would stay out of
        // use in the ledger, which is sound.
        let _ = self.tx.push(frame.into_transmit(self.socket));
        Ok(())
    }

    /// Up to `wanted` slots of the TX ring.
    #[inline]
    pub(super) fn reserve(&mut self, wanted: u32) -> Reservation<'_, 'u> {
        Reservation::new(self.pool, self.socket, self.tx.free_slots(wanted))
    }

    /// Takes every frame off the completion ring into the stash. Returns their number.
    #[inline]
    pub(super) fn reap(&mut self) -> u32 {
        let addresses = self.completion.drain(u32::MAX);
        let taken = addresses.len() as u64;
        let reaped = self.pool.reclaim(self.socket, addresses);
        self.bad_completions += taken - u64::from(reaped);
        self.completed += u64::from(reaped);
        reaped
    }

    /// Packets handed over so far.
    #[must_use]
    pub(super) fn sent(&self) -> u64 {
        self.published + u64::from(self.tx.uncommitted())
    }

    /// Frames that came back so far.
    #[must_use]
    pub(super) fn completed(&self) -> u64 {
        self.completed
    }

    /// Completions that named no frame the kernel had to send; each was dropped.
    #[must_use]
    pub(super) fn bad_completions(&self) -> u64 {
        self.bad_completions
    }

    /// Whether the kernel asks to be kicked to look at the TX ring.
    #[inline]
    pub(super) fn needs_wakeup(&self) -> bool {
        self.tx.needs_wakeup()
    }

    /// Publishes what was sent, and returns how many packets wait on the TX ring.
    #[inline]
    pub(super) fn publish(&mut self) -> u32 {
        let sent = self.tx.uncommitted();
        if sent > 0 {
            self.tx.commit();
            self.published += u64::from(sent);
        }
        self.tx.outstanding()
    }

    /// The packets to send, with `waiting` of them on the TX ring.
    ///
    /// The kernel reserves a slot of the completion ring for each packet that it takes. Each
    /// completion that comes off it frees one, even a bad one. A lying kernel only makes us kick
    /// too seldom or too often.
    #[inline]
    pub(super) fn backlog(&self, waiting: u32) -> Backlog {
        let slots = self.completed + self.bad_completions + u64::from(self.completion.size());
        Backlog {
            taken: self.published.saturating_sub(waiting.into()),
            reach: self.published.min(slots),
        }
    }

    /// Whether the TX ring is at most half full.
    #[inline]
    pub(super) fn is_ready(&self) -> bool {
        self.tx.has_room(self.tx.size().div_ceil(2))
    }
}

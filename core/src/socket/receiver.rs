//! The receiving half of a socket: the fill and the RX ring.

use crate::ring::{DescSlot, Drain, FillRing, RxRing};
use crate::umem::{Frame, Pool};

/// Lends frames to the kernel and takes the packets that come back in them.
#[derive(Debug)]
pub(super) struct Receiver<'u> {
    pub(super) pool: &'u Pool<'u>,
    pub(super) fill: FillRing<'u>,
    pub(super) rx: RxRing<'u>,
    /// How many frames the kernel has to receive into.
    lent: u32,
    /// How many it is to have.
    target: u32,
    bad_descriptors: u64,
}

impl<'u> Receiver<'u> {
    pub(super) fn new(
        pool: &'u Pool<'u>,
        fill: FillRing<'u>,
        rx: RxRing<'u>,
        target: Option<u32>,
    ) -> Self {
        let target = target.unwrap_or(pool.frame_count().div_ceil(2));
        let target = target.min(fill.size()).min(pool.frame_count());
        Self {
            pool,
            fill,
            rx,
            lent: 0,
            target,
            bad_descriptors: 0,
        }
    }

    /// Takes up to `max` packets off the RX ring, each as the [`Frame`] it came in.
    ///
    /// Slots go back to the kernel when the iterator is dropped; packets not taken stay queued.
    #[inline]
    pub(super) fn receive(&mut self, max: u32) -> Received<'_, 'u> {
        Received {
            pool: self.pool,
            descriptors: self.rx.drain(max),
            lent: &mut self.lent,
            bad_descriptors: &mut self.bad_descriptors,
        }
    }

    /// Lends free frames to the kernel until it has as many as it is to have. Returns how many.
    #[inline]
    pub(super) fn refill(&mut self) -> u32 {
        let wanted = self.target.saturating_sub(self.lent);
        if wanted == 0 {
            return 0;
        }
        let room = self.fill.reserve(wanted);
        let fill = &mut self.fill;
        let filled = self.pool.lend(room, |addresses| {
            // There is room for as many as were asked for.
            let _ = fill.push_all(addresses);
        });
        if filled > 0 {
            self.fill.commit();
            self.lent += filled;
        }
        filled
    }

    /// Whether the kernel asks to be woken to look at the fill ring.
    #[inline]
    pub(super) fn needs_wakeup(&self) -> bool {
        self.fill.needs_wakeup()
    }

    /// Descriptors from the kernel that named no frame it had; each was dropped.
    #[must_use]
    pub(super) fn bad_descriptors(&self) -> u64 {
        self.bad_descriptors
    }
}

/// Packets off the RX ring, in order. See [`RxHalf::receive`](super::RxHalf::receive).
#[derive(Debug)]
pub struct Received<'r, 'u> {
    pool: &'u Pool<'u>,
    descriptors: Drain<'r, 'u, DescSlot>,
    lent: &'r mut u32,
    bad_descriptors: &'r mut u64,
}

impl<'u> Iterator for Received<'_, 'u> {
    type Item = Frame<'u>;

    #[inline]
    fn next(&mut self) -> Option<Frame<'u>> {
        loop {
            match self.pool.accept(self.descriptors.next()?) {
                Ok(frame) => {
                    *self.lent -= 1;
                    return Some(frame);
                }
                Err(_) => *self.bad_descriptors += 1,
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.descriptors.len()))
    }
}

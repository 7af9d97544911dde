//! The receiving half of a socket: the fill and the RX ring.

use crate::ring::{FillRing, RxRing};
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
        let left = self.rx.peek(max);
        Received {
            receiver: self,
            left,
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
        let mut filled = 0;
        while filled < room {
            let Some(address) = self.pool.lend() else {
                break;
            };
            if self.fill.push(address).is_err() {
                break;
            }
            filled += 1;
        }
        self.fill.commit();
        self.lent += filled;
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
    receiver: &'r mut Receiver<'u>,
    left: u32,
}

impl<'u> Iterator for Received<'_, 'u> {
    type Item = Frame<'u>;

    #[inline]
    fn next(&mut self) -> Option<Frame<'u>> {
        while self.left > 0 {
            self.left -= 1;
            let desc = self.receiver.rx.pop()?;
            match self.receiver.pool.accept(desc) {
                Ok(frame) => {
                    self.receiver.lent -= 1;
                    return Some(frame);
                }
                Err(_) => self.receiver.bad_descriptors += 1,
            }
        }
        None
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left as usize))
    }
}

impl Drop for Received<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        self.receiver.rx.release();
    }
}

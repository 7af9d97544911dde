//! The receiving half of a socket: the fill and the RX ring.

use crate::abi::Desc;
use crate::ring::{Cursor, DescSlot, Drain, FillRing, RingSize, RxRing};
use crate::umem::{Frame, NotReceived, OnFillRing, Pool};

/// Lends frames to the kernel and takes the packets that come back in them.
#[derive(Debug)]
pub(super) struct Receiver<'u> {
    pub(super) pool: &'u Pool<'u>,
    pub(super) fill: FillRing<'u>,
    pub(super) rx: RxRing<'u>,
    /// How many frames the kernel has to receive into.
    lent: u32,
    /// How many it was lent so far.
    ever_lent: u64,
    /// How many it is to have.
    target: u32,
    doubt: Doubt,
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
        let doubt = Doubt::new(rx.position());
        Self {
            pool,
            fill,
            rx,
            lent: 0,
            ever_lent: 0,
            target,
            doubt,
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
            on_ring: on_ring(&self.fill),
            fill: &mut self.fill,
            lent: &mut self.lent,
            doubt: &mut self.doubt,
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
        let filled = self.pool.lend(room, fill.position(), |addresses| {
            // There is room for as many as were asked for.
            let _ = fill.push_all(addresses);
        });
        if filled > 0 {
            self.fill.commit();
            self.lent += filled;
            self.ever_lent += u64::from(filled);
        }
        filled
    }

    /// Whether the kernel asks to be woken to look at the fill ring.
    #[inline]
    pub(super) fn needs_wakeup(&self) -> bool {
        self.fill.needs_wakeup()
    }

    /// How many frames the kernel was lent so far.
    #[inline]
    pub(super) fn ever_lent(&self) -> u64 {
        self.ever_lent
    }

    /// How many frames to receive into the driver has in its hands: neither on the fill ring, nor
    /// filled and on the RX ring. It may have more, since it shows what it takes off the fill ring
    /// with the next packets.
    pub(super) fn left(&mut self) -> u32 {
        let on_rings = self.fill.outstanding().saturating_add(self.rx.available());
        self.lent.saturating_sub(on_rings)
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
    /// What the kernel has not taken off the fill ring, as far as we know.
    on_ring: OnFillRing,
    fill: &'r mut FillRing<'u>,
    lent: &'r mut u32,
    doubt: &'r mut Doubt,
    bad_descriptors: &'r mut u64,
}

impl<'u> Iterator for Received<'_, 'u> {
    type Item = Frame<'u>;

    #[inline]
    fn next(&mut self) -> Option<Frame<'u>> {
        loop {
            let desc = self.descriptors.next()?;
            match self.pool.accept(desc, self.on_ring) {
                Ok(frame) => {
                    *self.lent -= 1;
                    return Some(frame);
                }
                Err(NotReceived::Bad) => *self.bad_descriptors += 1,
                Err(NotReceived::NotTaken) => {
                    if let Some(frame) = self.look_again(desc)? {
                        return Some(frame);
                    }
                }
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.descriptors.len()))
    }
}

impl<'u> Received<'_, 'u> {
    /// Reads anew what the kernel has taken off the fill ring, on account of a descriptor for a
    /// frame that it had not taken before. The frame, if it has been taken; `Some(None)` if the
    /// descriptor is bad; `None` if it has to stay on the ring until more is known.
    #[cold]
    #[inline(never)]
    fn look_again(&mut self, desc: Desc) -> Option<Option<Frame<'u>>> {
        // In this order: see `Doubt`.
        let shown = self.descriptors.shown();
        self.on_ring = look_at_fill(self.fill);
        match self.pool.accept(desc, self.on_ring) {
            Ok(frame) => {
                *self.lent -= 1;
                return Some(Some(frame));
            }
            Err(NotReceived::NotTaken)
                if !self.doubt.is_over(self.descriptors.last_position(), shown) =>
            {
                self.descriptors.put_back();
                return None;
            }
            Err(_) => *self.bad_descriptors += 1,
        }
        Some(None)
    }
}

/// The entries of the fill ring that the kernel has not taken, by a fresh look.
fn look_at_fill(fill: &mut FillRing<'_>) -> OnFillRing {
    fill.outstanding();
    on_ring(fill)
}

/// The entries of the fill ring that the kernel has not taken, as far as we know.
#[inline]
fn on_ring(fill: &FillRing<'_>) -> OnFillRing {
    let (first, count) = fill.not_taken();
    OnFillRing::new(first, count)
}

/// Whether a packet came in a frame that the kernel never took off the fill ring.
///
/// The kernel shows the packets of a batch first, and then which frames it took for them
/// (`xsk_flush`, net/xdp/xsk.c). In between, a good descriptor looks like one for a frame that still
/// lies on the fill ring. It is left on the RX ring for a later look, and is bad if
/// - more packets were shown since: what the kernel took for those before is shown by now; or
/// - so many looks saw neither: a core can be held up between the two stores, but not for ever.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// Up to where packets were shown at the last look.
    shown: Cursor,
    /// Up to where the kernel has also shown what it took.
    settled: Cursor,
    /// Looks since more was shown.
    looks: u32,
}

/// Looks at a descriptor that stays in doubt, before it is bad. Each is a turn of the program's
/// loop, 50 ns at the least.
const LOOKS: u32 = 1 << 16;

impl Doubt {
    fn new(start: Cursor) -> Self {
        Self {
            shown: start,
            settled: start,
            looks: 0,
        }
    }

    /// Takes note that the descriptor at `at` is in doubt while packets are shown up to `shown`.
    /// Whether it is bad.
    fn is_over(&mut self, at: Cursor, shown: Cursor) -> bool {
        if shown != self.shown {
            (self.settled, self.shown, self.looks) = (self.shown, shown, 0);
        } else if self.looks < LOOKS {
            self.looks += 1;
        } else {
            self.settled = shown;
        }
        // Whether it stands before `settled`, which lies at most a ring behind or ahead of it.
        (1..=RingSize::MAX.slots()).contains(&self.settled.since(at))
    }
}

#[cfg(test)]
mod tests {
    use super::{Doubt, LOOKS};
    use crate::ring::Cursor;

    #[test]
    fn a_doubt_is_over_once_more_is_shown_or_patience_is() {
        let at = |ahead: u32| Cursor::new(u32::MAX - 2).plus(ahead);
        let mut doubt = Doubt::new(at(0));
        // Shown just now, with another one after it.
        assert!(!doubt.is_over(at(1), at(3)));
        assert!(!doubt.is_over(at(1), at(3)));
        // More is shown: those before are bad, and what came with it is in doubt in turn.
        assert!(doubt.is_over(at(1), at(4)));
        assert!(doubt.is_over(at(2), at(4)));
        assert!(!doubt.is_over(at(3), at(4)));
        let looks = (1..).find(|_| doubt.is_over(at(3), at(4)));
        assert_eq!(looks, Some(LOOKS - 1), "the looks before count as well");
        assert!(doubt.is_over(at(3), at(4)), "and all that came with it");
        assert!(!doubt.is_over(at(4), at(5)));
    }
}

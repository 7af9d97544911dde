//! The receiving half of a socket: the fill and the RX ring.

use crate::abi::Desc;
use crate::ring::{Cursor, DescSlot, Drain, FillRing, RingSize, RxRing};
use crate::umem::{Frame, OnFillRing, Pool, SocketNumber};

/// Lends frames to the kernel and takes the packets that come back in them.
#[derive(Debug)]
pub(super) struct Receiver<'u> {
    pub(super) pool: &'u Pool<'u>,
    pub(super) rx: RxRing<'u>,
    pub(super) loans: Loans<'u>,
    /// How many frames to have lent to the kernel.
    target: u32,
}

/// The fill ring, and the account of the frames that it brought to the kernel.
#[derive(Debug)]
pub(super) struct Loans<'u> {
    /// Whose loans they are.
    socket: SocketNumber,
    pub(super) fill: FillRing<'u>,
    /// How many frames the kernel has to receive into.
    count: u32,
    /// How many frames it was lent so far.
    ever: u64,
    doubt: Doubt,
    bad_descriptors: u64,
}

impl<'u> Receiver<'u> {
    pub(super) fn new(
        pool: &'u Pool<'u>,
        socket: SocketNumber,
        fill: FillRing<'u>,
        rx: RxRing<'u>,
        target: u32,
    ) -> Self {
        let target = target.min(fill.size()).min(pool.frame_count());
        let loans = Loans {
            socket,
            fill,
            count: 0,
            ever: 0,
            doubt: Doubt::new(rx.position(), rx.ring_size()),
            bad_descriptors: 0,
        };
        Self {
            pool,
            rx,
            loans,
            target,
        }
    }

    /// Takes up to `max` packets off the RX ring, each as the [`Frame`] it came in.
    ///
    /// Slots go back to the kernel when the iterator is dropped; packets not taken stay queued.
    #[inline]
    pub(super) fn receive(&mut self, max: u32) -> Received<'_, 'u> {
        let known = self.loans.fill.known_not_taken();
        Received {
            pool: self.pool,
            descriptors: self.rx.drain(max),
            on_ring: OnFillRing::new(self.loans.socket, known.0, known.1),
            is_fresh: false,
            loans: &mut self.loans,
        }
    }

    /// Lends free frames to the kernel until it has `target`. Returns the number lent.
    #[inline]
    pub(super) fn refill(&mut self) -> u32 {
        let loans = &mut self.loans;
        let wanted = self.target.saturating_sub(loans.count);
        if wanted == 0 {
            return 0;
        }
        let fill = &mut loans.fill;
        let (room, at) = (fill.reserve(wanted), fill.position());
        let filled = self.pool.lend(loans.socket, room, at, |addresses| {
            // There is room for as many as were asked for.
            let _ = fill.push_all(addresses);
        });
        if filled > 0 {
            fill.commit();
            loans.count += filled;
            loans.ever += u64::from(filled);
        }
        filled
    }

    /// Takes every frame off the fill ring again. Returns false if the kernel has taken one
    /// already.
    pub(super) fn withdraw(&mut self) -> bool {
        self.loans.fill.withdraw() == self.loans.count
    }

    /// Whether the kernel asks to be woken to look at the fill ring.
    #[inline]
    pub(super) fn needs_wakeup(&self) -> bool {
        self.loans.fill.needs_wakeup()
    }

    /// The socket's number among its UMEM's.
    pub(super) fn socket(&self) -> SocketNumber {
        self.loans.socket
    }

    /// How many frames the kernel was lent so far.
    #[inline]
    pub(super) fn ever_lent(&self) -> u64 {
        self.loans.ever
    }

    /// Packets received so far: those of the frames that the kernel was lent and no longer has.
    #[must_use]
    pub(super) fn received(&self) -> u64 {
        self.loans.ever - u64::from(self.loans.count)
    }

    /// How many frames the driver holds to receive into: neither on the fill ring, nor filled and
    /// on the RX ring. It may hold more, since it shows what it takes off the fill ring only with
    /// the next packets.
    pub(super) fn left(&mut self) -> u32 {
        let fill = self.loans.fill.outstanding();
        let on_rings = fill.saturating_add(self.rx.available());
        self.loans.count.saturating_sub(on_rings)
    }

    /// The cursors of the doubt: up to where packets were shown, and up to where the kernel has
    /// also shown what it took.
    #[cfg(feature = "sim")]
    pub(super) fn doubt(&self) -> [Cursor; 2] {
        [self.loans.doubt.shown, self.loans.doubt.settled]
    }

    /// Descriptors from the kernel that named no frame it had; each was dropped.
    #[must_use]
    pub(super) fn bad_descriptors(&self) -> u64 {
        self.loans.bad_descriptors
    }
}

impl<'u> Loans<'u> {
    /// The entries of the fill ring that the kernel has not taken. Reads the shared word.
    #[inline]
    fn look(&mut self) -> OnFillRing {
        let (first, count) = self.fill.not_taken();
        OnFillRing::new(self.socket, first, count)
    }

    /// Checks a refused descriptor once more, against what the kernel has taken off the fill ring
    /// by now. The descriptor comes in parts, so that the caller does not keep each one in memory.
    #[cold]
    #[inline(never)]
    fn judge(
        &mut self,
        pool: &'u Pool<'u>,
        addr: u64,
        (len, options): (u32, u32),
        at: Cursor,
        shown: Cursor,
    ) -> Seen<'u> {
        let desc = Desc { addr, len, options };
        if let Some(frame) = Frame::accept(pool, desc, self.look()) {
            self.count -= 1;
            return Seen::Packet(frame);
        }
        if pool.is_lent(self.socket, desc) && !self.doubt.is_over(at, shown) {
            return Seen::Doubtful;
        }
        self.bad_descriptors += 1;
        Seen::Bad
    }
}

/// The verdict on a descriptor.
enum Seen<'u> {
    /// A packet.
    Packet(Frame<'u>),
    /// It names no packet in a frame that the kernel had.
    Bad,
    /// Its frame still lies on the fill ring.
    Doubtful,
}

/// Packets off the RX ring, in order. See [`RxHalf::receive`](super::RxHalf::receive).
#[must_use = "packets that are not taken stay on the ring"]
#[derive(Debug)]
pub struct Received<'r, 'u> {
    pool: &'u Pool<'u>,
    descriptors: Drain<'r, 'u, DescSlot>,
    /// The entries that the kernel has not taken off the fill ring, as far as we know.
    on_ring: OnFillRing,
    /// Whether `on_ring` was read since the packets were shown.
    is_fresh: bool,
    loans: &'r mut Loans<'u>,
}

impl<'u> Iterator for Received<'_, 'u> {
    type Item = Frame<'u>;

    // Always: a call would put the iterator, and a whole Drain in it, into memory.
    #[inline(always)]
    fn next(&mut self) -> Option<Frame<'u>> {
        loop {
            let desc = self.descriptors.next()?;
            let mut frame = Frame::accept(self.pool, desc, self.on_ring);
            if frame.is_none() && !self.is_fresh {
                // Includes the frames that the kernel took for this batch.
                (self.on_ring, self.is_fresh) = (self.loans.look(), true);
                frame = Frame::accept(self.pool, desc, self.on_ring);
            }
            if let Some(frame) = frame {
                self.loans.count -= 1;
                return Some(frame);
            }
            // In this order: see `Doubt`.
            let (at, shown) = (self.descriptors.last_position(), self.descriptors.shown());
            let rest = (desc.len, desc.options);
            match self.loans.judge(self.pool, desc.addr, rest, at, shown) {
                Seen::Packet(frame) => return Some(frame),
                Seen::Bad => {}
                Seen::Doubtful => {
                    self.descriptors.put_back();
                    return None;
                }
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.descriptors.len()))
    }
}

/// Whether a packet came in a frame that the kernel never took off the fill ring.
///
/// The kernel shows the packets of a batch first, and then which frames it took for them
/// (`xsk_flush`, net/xdp/xsk.c). In between, a good descriptor looks like one for a frame that
/// still lies on the fill ring. It is left on the RX ring for a later look, and is bad if
/// - more packets were shown since: what the kernel took for those before is shown by now; or
/// - [`LOOKS`] looks saw neither: a core can be held up between the two stores, but not forever.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// Up to where packets were shown at the last look.
    shown: Cursor,
    /// Up to where the kernel has also shown what it took.
    settled: Cursor,
    /// Looks since more was shown.
    looks: u32,
    ring: RingSize,
}

/// Looks at a descriptor that stays in doubt before it is bad. Each is a turn of the program's
/// loop, at least 50 ns.
const LOOKS: u32 = 1 << 16;

impl Doubt {
    fn new(start: Cursor, ring: RingSize) -> Self {
        Self {
            shown: start,
            settled: start,
            looks: 0,
            ring,
        }
    }

    /// Counts a look at the descriptor at `at`, which is in doubt while packets are shown up to
    /// `shown`. Returns whether it is bad.
    fn is_over(&mut self, at: Cursor, shown: Cursor) -> bool {
        if shown != self.shown {
            (self.settled, self.shown, self.looks) = (self.shown, shown, 0);
        } else if self.looks < LOOKS {
            self.looks += 1;
        } else {
            self.settled = shown;
        }
        // Whether it is before `settled`, which is at most a ring ahead of it, or behind it.
        (1..=self.ring.slots()).contains(&self.settled.since(at))
    }
}

#[cfg(test)]
mod tests {
    use super::{Doubt, LOOKS};
    use crate::ring::{Cursor, RingSize};

    #[test]
    fn a_doubt_is_over_once_more_is_shown_or_patience_is() {
        let at = |ahead: u32| Cursor::new(u32::MAX - 2).plus(ahead);
        let ring = RingSize::new(8).expect("a power of two");
        let mut doubt = Doubt::new(at(0), ring);
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

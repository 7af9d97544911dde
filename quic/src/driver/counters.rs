//! `DriverCounters`: what a driver counts.

use std::mem::discriminant;

use xskit_wire::Refusal;

use super::Unanswerable;

/// Packets that passed through a driver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DriverCounters {
    /// Packets that came off the RX ring, refused ones included; over kernel UDP, datagrams.
    pub received: u64,
    /// Packets put on the TX ring, or datagrams that the kernel took.
    pub sent: u64,
    /// Packets dropped because they are not an unfragmented UDP datagram, by cause.
    pub refused: RefusalCounts,
    /// Datagrams dropped because they must not be answered, by cause.
    pub unanswerable: UnanswerableCounts,
    /// Datagrams of the endpoint that could not be sent and were dropped: their headers could not
    /// be written (mixed address families), the frame is of another UMEM, or the kernel refused
    /// them (no route, or larger than the MTU).
    pub unsendable: u64,
}

impl DriverCounters {
    /// Adds another driver's counters.
    pub fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.sent += other.sent;
        for (refusal, packets) in other.refused.iter() {
            self.refused.add(refusal, packets);
        }
        self.unanswerable.group += other.unanswerable.group;
        self.unanswerable.martian += other.unanswerable.martian;
        self.unanswerable.own_source += other.unanswerable.own_source;
        self.unanswerable.mac += other.unanswerable.mac;
        self.unanswerable.reverse_path += other.unanswerable.reverse_path;
        self.unsendable += other.unsendable;
    }
}

/// Datagrams that must not be answered, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnanswerableCounts {
    /// [`Unanswerable::Group`].
    pub group: u64,
    /// [`Unanswerable::Martian`].
    pub martian: u64,
    /// [`Unanswerable::OwnSource`].
    pub own_source: u64,
    /// [`Unanswerable::Mac`].
    pub mac: u64,
    /// [`Unanswerable::ReversePath`].
    pub reverse_path: u64,
}

impl UnanswerableCounts {
    pub(super) fn count(&mut self, cause: Unanswerable) {
        *match cause {
            Unanswerable::Group => &mut self.group,
            Unanswerable::Martian => &mut self.martian,
            Unanswerable::OwnSource => &mut self.own_source,
            Unanswerable::Mac => &mut self.mac,
            Unanswerable::ReversePath => &mut self.reverse_path,
        } += 1;
    }
}

/// Packets refused, by cause.
///
/// A cause is a variant of [`Refusal`], whatever value it carries, so a hostile sender can't make
/// the list long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusalCounts(Vec<(Refusal, u64)>);

impl RefusalCounts {
    /// All causes together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// For each cause that occurred, the first refusal and the count.
    pub fn iter(&self) -> impl Iterator<Item = (Refusal, u64)> + '_ {
        self.0.iter().copied()
    }

    pub(super) fn count(&mut self, refusal: Refusal) {
        self.add(refusal, 1);
    }

    /// There are few causes, and refusals are rare, so a list is enough.
    fn add(&mut self, refusal: Refusal, packets: u64) {
        let is_same = |known: &Refusal| discriminant(known) == discriminant(&refusal);
        match self.0.iter_mut().find(|(known, _)| is_same(known)) {
            Some((_, count)) => *count += packets,
            None => self.0.push((refusal, packets)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RefusalCounts;
    use xskit_wire::Refusal;

    #[test]
    fn a_cause_is_counted_once_whatever_number_it_carries() {
        let mut counts = RefusalCounts::default();
        for len in 0..1000 {
            counts.count(Refusal::UdpLen(len));
        }
        counts.count(Refusal::Fragment);
        assert_eq!((counts.iter().count(), counts.total()), (2, 1001));
    }
}

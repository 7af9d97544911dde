//! Packets that a rule matches and that came to a queue without a socket.

/// `QUEUES_COUNTED` of `xskit.bpf.c`.
const QUEUES_COUNTED: u32 = 64;

/// Packets that a rule matches (all, if all are taken), but that arrived on a receive queue without
/// a socket and were passed to the kernel: [`Counters::no_socket`](crate::Counters::no_socket), by
/// queue.
///
/// Sums over all CPUs since the program was loaded, over all interfaces that it is attached to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Strays {
    /// The queues that got any, in order, and how many.
    pub by_queue: Vec<(u32, u64)>,
    /// How many arrived on the queues from [`Strays::FIRST_UNCOUNTED`] on, which are counted
    /// together.
    pub beyond: u64,
}

impl Strays {
    /// The first of the queues that are counted together.
    pub const FIRST_UNCOUNTED: u32 = QUEUES_COUNTED;

    /// Whether every packet that was to be taken arrived on a queue with a socket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_queue.is_empty() && self.beyond == 0
    }

    /// The sum over all queues. Saturates.
    #[must_use]
    pub fn total(&self) -> u64 {
        let counts = self.by_queue.iter().map(|(_, count)| *count);
        counts.fold(self.beyond, u64::saturating_add)
    }

    /// The indices of the program's map, in the order that [`count`](Self::count) takes.
    pub(crate) fn indices() -> impl Iterator<Item = u32> {
        0..=QUEUES_COUNTED
    }

    /// Adds up the values of the CPUs at an index of the map, each a `u64`. Saturates.
    pub(crate) fn count(&mut self, index: u32, cpus: &[Vec<u8>]) {
        let words = cpus.iter().filter_map(|cpu| cpu.first_chunk());
        let count = words.fold(0u64, |sum, word| {
            sum.saturating_add(u64::from_ne_bytes(*word))
        });
        if index == QUEUES_COUNTED {
            self.beyond = count;
        } else if count > 0 {
            self.by_queue.push((index, count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_over_cpus_and_leaves_out_queues_without_any() {
        let cpu = |count: u64| count.to_ne_bytes().to_vec();
        let mut strays = Strays::default();
        strays.count(0, &[cpu(0), cpu(0)]);
        assert!(strays.is_empty());
        strays.count(3, &[cpu(1), cpu(20)]);
        strays.count(QUEUES_COUNTED, &[cpu(300), cpu(u64::MAX)]);
        assert_eq!(strays.by_queue, [(3, 21)]);
        assert_eq!((strays.beyond, strays.total()), (u64::MAX, u64::MAX));
        assert!(!strays.is_empty());
    }
}

//! How many kicks a flush asks for.

use core::num::NonZeroU32;

/// Descriptors that one kick sends in copy mode, unless the socket was given another budget
/// (`TX_BATCH_SIZE`, net/xdp/xsk.c).
pub(super) const COPY_BUDGET: NonZeroU32 = NonZeroU32::new(32).unwrap();

/// As many kicks as the packets on the TX ring need, and no more than progress warrants.
///
/// A kernel in copy mode says EAGAIN when its budget is used up, and just the same when it can take
/// nothing at all: the completion ring, the device's queue or the send buffer is full. What the
/// completion ring has room for is known here. The other two show only in what became of the last
/// kicks, so after some that left packets behind, the next are as many as those that got anything
/// done, and one more to find out. A flush without any progress so costs one call.
#[derive(Debug)]
pub(super) struct Kicks {
    /// Descriptors that one kick sends.
    budget: NonZeroU32,
    /// Packets that the kernel could have taken by the last kicks.
    hoped: u32,
    /// Packets that it had taken before them.
    taken: u64,
}

/// What is there to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backlog {
    /// Packets on the TX ring.
    pub(super) waiting: u32,
    /// Packets that the kernel has taken off it so far.
    pub(super) taken: u64,
    /// Slots of the completion ring that none of those has or will have.
    pub(super) room: u32,
}

impl Kicks {
    pub(super) fn new(budget: NonZeroU32) -> Self {
        Self {
            budget,
            hoped: 0,
            taken: 0,
        }
    }

    /// How many kicks to ask for now; one at least.
    #[inline]
    pub(super) fn due(&mut self, backlog: Backlog) -> u32 {
        let Backlog {
            waiting,
            taken,
            room,
        } = backlog;
        let hoped = waiting.min(room);
        let mut times = hoped.div_ceil(self.budget.get());
        let progress = u32::try_from(taken.saturating_sub(self.taken)).unwrap_or(u32::MAX);
        if progress < self.hoped {
            times = times.min(progress.div_ceil(self.budget.get()) + 1);
        }
        (self.hoped, self.taken) = (hoped, taken);
        times.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Backlog, COPY_BUDGET, Kicks};

    /// A kernel that takes so many packets a flush of those that wait, and a completion ring of so many slots that is reaped
    /// before each flush.
    fn calls(waiting: u32, room: u32, takes: &[u32]) -> Vec<u32> {
        let mut kicks = Kicks::new(COPY_BUDGET);
        let (mut waiting, mut taken) = (waiting, 0);
        takes
            .iter()
            .map(|most| {
                let times = kicks.due(Backlog {
                    waiting,
                    taken,
                    room,
                });
                let now = waiting.min(room).min(times * 32).min(*most);
                waiting -= now;
                taken += u64::from(now);
                times
            })
            .collect()
    }

    const ALL: u32 = u32::MAX;

    #[test]
    fn as_many_as_the_packets_need() {
        for (waiting, times) in [(1, 1), (32, 1), (33, 2), (2048, 64)] {
            assert_eq!(calls(waiting, 2048, &[ALL]), [times], "for {waiting}");
        }
    }

    #[test]
    fn one_while_nothing_is_taken_and_more_again_with_progress() {
        let takes = [0, 0, 0, ALL, ALL, ALL, ALL];
        assert_eq!(calls(2048, 2048, &takes), [64, 1, 1, 1, 2, 3, 4]);
    }

    #[test]
    fn one_more_than_got_anything_done_when_a_device_takes_few() {
        assert_eq!(calls(2048, 2048, &[40, 40, 40, 40]), [64, 3, 3, 3]);
    }

    #[test]
    fn no_more_than_the_completion_ring_has_room_for() {
        assert_eq!(calls(2048, 64, &[ALL, ALL, ALL]), [2, 2, 2]);
        assert_eq!(calls(2048, 0, &[ALL, ALL]), [1, 1]);
    }

    #[test]
    fn a_full_completion_ring_is_no_sign_of_a_full_device() {
        let mut kicks = Kicks::new(COPY_BUDGET);
        let full = Backlog {
            waiting: 2048,
            taken: 0,
            room: 0,
        };
        assert_eq!(kicks.due(full), 1);
        assert_eq!(
            kicks.due(Backlog { room: 2048, ..full }),
            64,
            "it was reaped"
        );
    }

    #[test]
    fn a_consumer_word_that_went_back_is_no_progress() {
        let mut kicks = Kicks::new(COPY_BUDGET);
        let backlog = |taken| Backlog {
            waiting: 100,
            taken,
            room: 2048,
        };
        assert_eq!(kicks.due(backlog(500)), 4);
        assert_eq!(kicks.due(backlog(400)), 1);
    }
}

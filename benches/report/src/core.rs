//! Processors for senders and receivers, so that the scheduler moves none of them.

use anyhow::Context;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    First,
    /// On the second, or the first where there is no other.
    Second,
    Anywhere,
}

#[derive(Clone, Debug)]
pub(crate) struct Cores {
    all: CpuSet,
    first_two: [usize; 2],
}

impl Cores {
    /// Those of the calling thread.
    pub(crate) fn of_this_thread() -> anyhow::Result<Self> {
        let all = sched_getaffinity(None).context("sched_getaffinity")?;
        let mut allowed = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core));
        let first = allowed.next().context("no processor to run on")?;
        let second = allowed.next().unwrap_or(first);
        Ok(Self {
            all,
            first_two: [first, second],
        })
    }

    /// The first two by number, which are the same one where there is no other.
    pub(crate) const fn first_two(&self) -> [usize; 2] {
        self.first_two
    }

    /// Moves the calling thread there, and the threads and processes that it starts from now on.
    pub(crate) fn go_to(&self, place: Place) -> anyhow::Result<()> {
        let one = |core| {
            let mut set = CpuSet::new();
            set.set(core);
            set
        };
        let set = match place {
            Place::First => one(self.first_two[0]),
            Place::Second => one(self.first_two[1]),
            Place::Anywhere => self.all,
        };
        sched_setaffinity(None, &set).context("sched_setaffinity")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_goes_where_it_is_told_and_back() {
        std::thread::spawn(|| {
            let cores = Cores::of_this_thread().expect("processors");
            let where_now = || sched_getaffinity(None).expect("processors");
            cores.go_to(Place::Second).expect("allowed");
            assert_eq!(where_now().count(), 1);
            assert!(where_now().is_set(cores.first_two[1]));
            cores.go_to(Place::Anywhere).expect("allowed");
            assert_eq!(where_now(), cores.all);
        })
        .join()
        .expect("no panic");
    }
}

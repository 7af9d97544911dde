//! When the kernel is owed a wake-up, and how many calls it takes.
//!
//! A ring's NEED_WAKEUP flag says that a wake-up is of use, not that one is due. In copy mode the
//! TX ring's is always set. In zero-copy mode igb and virtio_net never clear it, and other drivers
//! only once their work has run, which a call merely starts; the fill ring's is set whenever a
//! refill came short, however many frames the driver has left. A program that calls whenever the
//! flag is set makes a thousand calls for one batch. So a wake-up is due if the flag is set, and
//! - something was published that the kernel was not told of; or
//! - a bounded number of looks, or a sleep, went by without progress: the last call may have been
//!   lost on a device that was busy, full or resetting.
//!
//! | ring, mode | who does the work | due for what is new | due again |
//! | --- | --- | --- | --- |
//! | TX, copy | the call itself | at once, unless the device is full | at once while calls send all that they can; when the device is full, after a pause that grows until a call is worth it |
//! | TX, zero-copy | the driver, later | at once | after 4,096 looks without progress, and twice as many each time |
//! | fill, zero-copy | the driver, later | if the driver has few frames left; otherwise the next packet has it look | the same, if it still has few |
//! | fill, copy | no call is needed | | |

use core::mem;
use core::num::NonZeroU32;

use super::receiver::Receiver;

/// Descriptors that one kick sends in copy mode, unless the socket has another budget
/// (`TX_BATCH_SIZE`, net/xdp/xsk.c).
pub(super) const COPY_BUDGET: NonZeroU32 = NonZeroU32::new(32).unwrap();

/// A kick of a full device that sends fewer packets than this came too soon.
const GRAIN: u32 = 32;

/// The longest pause between two kicks of a full device, in looks.
const LONGEST_PAUSE: u32 = 1024;

/// Frames that a driver may use up between two looks at the fill ring (NAPI_POLL_WEIGHT). A driver
/// that has more is not about to run dry.
const FEW: u32 = 64;

/// Counts looks without progress, up to when it is time to wake the kernel once more.
#[derive(Clone, Copy, Debug)]
struct Overdue {
    looks: u32,
    limit: u32,
}

impl Overdue {
    const FIRST: u32 = 1 << 12;
    const LAST: u32 = 1 << 22;
    const NEW: Self = Self {
        looks: 0,
        limit: Self::FIRST,
    };

    /// Counts a look. Returns true when it is time to wake the kernel; the next time takes twice as
    /// many.
    #[inline]
    fn is_over(&mut self) -> bool {
        self.looks += 1;
        if self.looks < self.limit {
            return false;
        }
        *self = Self {
            looks: 0,
            limit: (self.limit * 2).min(Self::LAST),
        };
        true
    }

    /// Time passed: the next look is the last.
    fn time_passed(&mut self) {
        self.looks = self.limit;
    }
}

/// When to kick, and how often in a row.
///
/// A kernel in copy mode returns EAGAIN when its budget is used up, and also when it can take
/// nothing at all: the completion ring, the device's queue or the send buffer is full. The
/// completion ring's room is known here. The other two show only in the progress of the last kicks.
#[derive(Debug)]
pub(super) struct Kicks {
    /// Descriptors that one kick sends; `None` in zero-copy mode, where it only starts work.
    budget: Option<NonZeroU32>,
    /// In zero-copy mode: up to which packet the kernel was told, and whether by a call, rather
    /// than that it would look by itself.
    told: u64,
    is_called: bool,
    /// Packets that it had taken when it was kicked last.
    taken: u64,
    /// Of those left, how many it could take.
    hoped: u32,
    /// How many of these the last kicks could send.
    asked: u32,
    /// Looks between two kicks of a full device, and how many were made.
    pause: u32,
    paused: u32,
    /// The next look comes right after a kick, with no time for a full device in between.
    is_early: bool,
    overdue: Overdue,
}

/// The packets to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backlog {
    /// Packets that the kernel has taken off the TX ring so far.
    pub(super) taken: u64,
    /// Packets that it can have taken: those that it was shown, as far as the completion ring has
    /// a slot for each.
    pub(super) reach: u64,
}

impl Kicks {
    /// With a budget in copy mode, without one in zero-copy mode.
    pub(super) fn new(budget: Option<NonZeroU32>) -> Self {
        Self {
            budget,
            told: 0,
            is_called: false,
            taken: 0,
            hoped: 0,
            asked: 0,
            pause: 0,
            paused: 0,
            is_early: false,
            overdue: Overdue::NEW,
        }
    }

    /// How many kicks to request now, for packets that wait on the TX ring. The flag is read only
    /// if it matters.
    #[inline]
    pub(super) fn due(&mut self, backlog: Backlog, is_wanted: impl FnOnce() -> bool) -> u32 {
        let times = match self.budget {
            Some(budget) => self.copying(backlog, budget),
            None => self.starting(backlog),
        };
        if times == 0 {
            return 0;
        }
        // Without the flag the kernel looks by itself, and sees what was published before the flag
        // was read.
        self.is_called = is_wanted();
        if self.is_called { times } else { 0 }
    }

    /// In zero-copy mode: one for what is new, or because the last one seems lost.
    #[inline]
    fn starting(&mut self, backlog: Backlog) -> u32 {
        let is_new = backlog.reach > self.told;
        if !is_new && backlog.taken == self.taken {
            return self.overdue.is_over().into();
        }
        (self.told, self.taken) = (backlog.reach.max(self.told), backlog.taken);
        self.overdue = Overdue::NEW;
        is_new.into()
    }

    /// In copy mode: as many as the packets need, and no more than progress warrants. After some
    /// that left packets behind, the next are as many as those that got anything done, and one more
    /// to find out.
    #[inline]
    fn copying(&mut self, backlog: Backlog, budget: NonZeroU32) -> u32 {
        let less =
            |more: u64, less: u64| u32::try_from(more.saturating_sub(less)).unwrap_or(u32::MAX);
        let hoped = less(backlog.reach, backlog.taken);
        if hoped == 0 {
            // It can take none before the completion ring is reaped.
            return self.overdue.is_over().into();
        }
        let progress = less(backlog.taken, self.taken);
        if progress >= self.asked {
            (self.pause, self.paused, self.is_early) = (0, 0, false);
        } else if self.is_too_soon(progress) {
            return 0;
        }
        let mut times = 1;
        self.asked = hoped;
        if hoped > budget.get() {
            times = hoped.div_ceil(budget.get());
            if progress < self.hoped {
                times = times.min(progress.div_ceil(budget.get()) + 1);
            }
            self.asked = hoped.min(times.saturating_mul(budget.get()));
        }
        (self.hoped, self.taken) = (hoped, backlog.taken);
        self.overdue = Overdue::NEW;
        times
    }

    /// Whether a full device is to have more time before the next kick.
    #[cold]
    fn is_too_soon(&mut self, progress: u32) -> bool {
        if mem::take(&mut self.is_early) {
            return true;
        }
        self.paused += 1;
        if self.paused <= self.pause {
            return true;
        }
        self.paused = 0;
        if progress < GRAIN {
            self.pause = (self.pause * 2).clamp(1, LONGEST_PAUSE);
        } else if progress >= 2 * GRAIN {
            self.pause /= 2;
        }
        false
    }

    /// The wait that follows looks at the TX ring, if the flag calls for it (`xsk_poll`).
    pub(super) fn told_by_wait(&mut self, backlog: Backlog) {
        self.told = backlog.reach.max(self.told);
    }

    /// A sleep follows that does not look at the TX ring. It gives a full device enough time,
    /// unless the last kick was only just made and may still be on its way. A driver may have set
    /// the flag after it was found clear.
    pub(super) fn before_sleep(&mut self) {
        if self.paused == 0 {
            self.is_early = true;
        } else {
            self.paused = self.pause;
        }
        if self.budget.is_none() && !self.is_called {
            self.overdue.time_passed();
        }
    }

    /// The next look kicks again: a kick has failed, or a sleep is over in which nothing came.
    pub(super) fn time_passed(&mut self) {
        self.is_early = false;
        self.paused = self.pause.max(1);
        self.overdue.time_passed();
    }
}

/// When to wake the kernel for the fill ring.
#[derive(Debug)]
pub(super) struct Wakes {
    /// Frames that were lent when the driver was given the ring. A socket that lends no more only
    /// sends, or has not received yet.
    filled: u64,
    /// Frames that had been lent when the kernel was last told, or did not ask.
    told: u64,
    overdue: Overdue,
}

impl Wakes {
    /// `filled` frames were on the fill ring when the driver was given it.
    pub(super) fn new(filled: u32) -> Self {
        Self {
            filled: filled.into(),
            told: filled.into(),
            overdue: Overdue::NEW,
        }
    }

    /// Whether to wake the kernel now. The flag, and the number of frames that the driver has left,
    /// are read only if they matter.
    #[inline]
    pub(super) fn is_due(&mut self, receiver: &mut Receiver<'_>) -> bool {
        let lent = receiver.ever_lent();
        if lent == self.filled {
            return false;
        }
        let is_new = lent != self.told;
        // Also when there is nothing new: a driver may find the ring empty, and set the flag only
        // after we have filled the ring and found the flag clear.
        let is_late = self.overdue.is_over();
        if !is_new && !is_late {
            return false;
        }
        let is_wanted = receiver.needs_wakeup();
        let is_due = is_wanted && (is_new && is_late || receiver.left() < FEW);
        if is_new && (is_due || !is_wanted) {
            self.told = lent;
            self.overdue = Overdue::NEW;
        }
        is_due
    }

    /// The wait that follows looks at the fill ring, if the flag calls for it (`xsk_poll`).
    pub(super) fn told_by_wait(&mut self, lent: u64) {
        self.told = lent;
    }

    /// The next look is thorough: a sleep follows that does not look at the fill ring, or one is
    /// over in which nothing came.
    pub(super) fn time_passed(&mut self) {
        self.overdue.time_passed();
    }
}

#[cfg(test)]
mod tests {
    use super::{COPY_BUDGET, GRAIN, Kicks, LONGEST_PAUSE};

    #[test]
    fn a_full_devices_pause_is_as_long_as_kicks_are_worth_it() {
        let mut kicks = Kicks::new(Some(COPY_BUDGET));
        // The pause after a kick that came once `pause` looks had gone by.
        let mut after = |pause: u32, progress: u32| {
            (kicks.pause, kicks.paused) = (pause, pause);
            assert!(!kicks.is_too_soon(progress));
            kicks.pause
        };
        assert_eq!((after(0, 0), after(8, 0), after(8, GRAIN - 1)), (1, 16, 16));
        assert_eq!(after(LONGEST_PAUSE, 0), LONGEST_PAUSE);
        assert_eq!((after(8, GRAIN), after(8, 2 * GRAIN - 1)), (8, 8));
        assert_eq!((after(8, 2 * GRAIN), after(1, 2 * GRAIN)), (4, 0));
    }
}

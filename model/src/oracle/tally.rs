//! Causes and calls over the whole run of a socket: no more calls than causes.

use super::Oracle;
use super::wakeups::{OVERDUE, Rule};

/// Causes and calls since the socket was opened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    flushes: u64,
    pub(super) sleeps: u64,
    /// Flushes that showed packets, or found more room on the completion ring.
    shown: u64,
    reach: u32,
    /// Flushes that found that the kernel had taken packets.
    moved: u64,
    taken: u32,
    /// Flushes and waits that found frames lent.
    lent: u64,
    loans: u32,
    /// Requests to kick, and the calls that these took.
    kicks: u64,
    pub(super) calls: u64,
    pub(super) wakes: u64,
}

impl Tally {
    /// For a driver that is given a fill ring with this many frames.
    pub(super) fn new(filled: u32) -> Self {
        Self {
            loans: filled,
            ..Self::default()
        }
    }
}

impl Oracle {
    /// Counts causes and calls.
    pub(super) fn note(&mut self, times: u32, wakes: u32) {
        let (reach, taken, loans) = (self.reach(), self.taken(), self.lent_so_far());
        let tally = &mut self.socket.wakeups.tally;
        tally.flushes += 1;
        tally.shown += u64::from(reach != tally.reach);
        tally.moved += u64::from(taken != tally.taken);
        tally.lent += u64::from(loans != tally.loans);
        (tally.reach, tally.taken, tally.loans) = (reach, taken, loans);
        tally.kicks += u64::from(times > 0);
        tally.calls += u64::from(times);
        tally.wakes += u64::from(wakes);
    }

    /// Over the whole run, no more calls than causes.
    pub(super) fn bound_calls(&self) -> Result<(), Rule> {
        let tally = &self.socket.wakeups.tally;
        let overdue = tally.flushes / u64::from(OVERDUE);
        let events = tally.shown + tally.moved + 2 * tally.sleeps;
        let (kicks, calls) = match self.config.kick_budget() {
            None => {
                let kicks = tally.shown + tally.sleeps + overdue;
                (kicks, kicks)
            }
            Some(budget) => {
                let packets = u64::from(tally.reach) + u64::from(tally.taken);
                let kicks = 2 * events + tally.flushes / 2;
                (kicks, 2 * tally.kicks + packets / u64::from(budget))
            }
        };
        if tally.kicks > kicks || tally.calls > calls {
            return Err("no more kicks than causes, over a whole run");
        }
        if tally.wakes > tally.lent + tally.sleeps + overdue {
            return Err("no more wakes than causes, over a whole run");
        }
        Ok(())
    }
}

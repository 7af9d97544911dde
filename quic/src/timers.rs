//! `Timers`: when each connection next needs attention.

use std::collections::BTreeSet;
use std::time::Instant;

/// Connections by deadline; at most one entry per connection.
///
/// Nearly every packet moves its connection's deadline later. Such a move is not entered at once:
/// the old entry fires early, and the caller then checks the real deadline. So the set is touched a
/// few times per second and connection, not per packet.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    deadlines: BTreeSet<(Instant, usize)>,
}

impl Timers {
    /// Makes `connection` come up by `deadline`. `armed` is its present entry; the caller replaces
    /// it by what is returned.
    #[must_use]
    pub(crate) fn arm(
        &mut self,
        connection: usize,
        armed: Option<Instant>,
        deadline: Option<Instant>,
    ) -> Option<Instant> {
        let Some(deadline) = deadline else {
            return armed;
        };
        match armed {
            Some(armed) if armed <= deadline => return Some(armed),
            Some(armed) => self.disarm(connection, armed),
            None => {}
        }
        self.deadlines.insert((deadline, connection));
        Some(deadline)
    }

    pub(crate) fn disarm(&mut self, connection: usize, armed: Instant) {
        self.deadlines.remove(&(armed, connection));
    }

    /// The earliest entry.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Removes the first entry that is due and returns its connection.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<usize> {
        if self.next()? > now {
            return None;
        }
        self.deadlines.pop_first().map(|(_, connection)| connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn one_entry_each_and_never_late() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::default();
        let armed = timers.arm(1, None, Some(at(50)));
        let armed = timers.arm(1, armed, Some(at(90)));
        assert_eq!(armed, Some(at(50)), "later is left for when it fires");
        let armed = timers.arm(1, armed, Some(at(20)));
        assert_eq!(armed, Some(at(20)));
        assert_eq!(timers.arm(1, armed, None), armed);
        let other = timers.arm(2, None, Some(at(20)));
        assert_eq!(timers.deadlines.len(), 2);

        assert_eq!(timers.pop_due(at(19)), None);
        assert_eq!(timers.pop_due(at(20)), Some(1));
        timers.disarm(2, other.unwrap());
        assert_eq!((timers.pop_due(at(99)), timers.next()), (None, None));
    }
}

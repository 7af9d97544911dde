//! `Strikes`: why a request that was sent as early data (0-RTT) is not answered again for whoever has
//! recorded it (RFC 8446, section 8; RFC 9001, section 9.2).
//!
//! # What can be sent again
//!
//! A recorded ClientHello, and the 0-RTT packets that belong to it. The keys of an Initial packet are
//! known to all, so its ids can be any. Those of 0-RTT packets are not, and they authenticate the packet's
//! header with its destination id (RFC 9001, section 5.3): it is the one that the client wrote. That is
//! one of three:
//!
//! - the client's first choice,
//! - after a Retry, what that told it,
//! - once the server has answered, the id that the server chose.
//!
//! # What is kept
//!
//! So a connection on which early data is acted on strikes out all three, and one that has an id which
//! was struck out does not act on early data: the packets that were recorded name an id that is no other
//! connection's. It depends on this:
//!
//! - A packet reaches a connection only by an id of that connection: also the second one of a datagram
//!   ([`Coalesced`](super::coalesced::Coalesced)).
//! - Ids are kept for longer than a ClientHello is good for. BoringSSL takes no early data where the age
//!   of the ticket by the client's clock and by the server's differ by more than 60 s
//!   (`kMaxTicketAgeSkewSeconds`), and the first changes only as the second goes on: that is 122 s with all
//!   rounding. Three minutes also outlast a wall clock that is set back by less than 58 s.
//! - All workers share one register, and what has another has other tickets: those of a server that was
//!   restarted are of no use.
//! - Where there is no more room, no early data is acted on until all that was left out is stale.
//!
//! A connection that doesn't act on early data takes it once its handshake is done: only the client itself
//! can do that.
//!
//! # What remains
//!
//! Whoever can hold back the client's own packets can have the request answered early by a copy of them,
//! and then once more when the client's handshake is done. No server can know (RFC 8446, section
//! 8). So an application may do as early data only what may be done twice.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::cid::Cid;

/// How long an id is kept, at least; at most twice that.
const WINDOW: Duration = Duration::from_secs(180);

/// Ids of one window: about 480 connections a second. They take 10 MB at most, and those of the window
/// before as many.
const MAX_IDS: usize = 1 << 18;

/// The ids of connections on which early data was acted on.
#[derive(Debug)]
pub(super) struct Strikes {
    max_ids: usize,
    current: HashSet<Cid>,
    previous: HashSet<Cid>,
    /// When the current window began.
    begin: Instant,
    /// An id was left out: until when it matters.
    closed_until: Option<Instant>,
}

impl Strikes {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            max_ids: MAX_IDS,
            current: HashSet::new(),
            previous: HashSet::new(),
            begin: now,
            closed_until: None,
        }
    }

    /// Strikes out a connection's ids. False if early data must not be acted on.
    pub(super) fn strike(&mut self, ids: &[Cid], now: Instant) -> bool {
        self.turn(now);
        let is_known = |id| self.current.contains(id) || self.previous.contains(id);
        let is_new = !ids.iter().any(is_known);
        if self.current.len() + ids.len() > self.max_ids {
            self.closed_until = Some(now + WINDOW);
        } else {
            self.current.extend(ids);
        }
        is_new && self.closed_until.is_none()
    }

    fn turn(&mut self, now: Instant) {
        if self.closed_until.is_some_and(|until| until <= now) {
            self.closed_until = None;
        }
        let since = now.saturating_duration_since(self.begin);
        if since < WINDOW {
            return;
        }
        self.previous = std::mem::take(&mut self.current);
        if since >= 2 * WINDOW {
            self.previous.clear();
        }
        self.begin = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> Cid {
        Cid::new(&[byte; 8]).unwrap()
    }

    #[test]
    fn each_id_is_good_once_in_a_window() {
        let begin = Instant::now();
        let mut strikes = Strikes::new(begin);
        assert!(strikes.strike(&[id(1), id(2), id(3)], begin));
        for known in 1..=3 {
            assert!(!strikes.strike(&[id(known), id(known + 10)], begin));
            // Also what came with it.
            assert!(!strikes.strike(&[id(known + 10)], begin));
        }
        // However the windows fall.
        let late = begin + WINDOW - Duration::from_secs(1);
        assert!(strikes.strike(&[id(4)], late));
        for later in [begin + WINDOW, late + WINDOW - Duration::from_secs(1)] {
            assert!(!strikes.strike(&[id(4)], later));
        }
        let mut strikes = Strikes::new(begin);
        assert!(strikes.strike(&[id(1)], begin));
        assert!(strikes.strike(&[id(1)], begin + 2 * WINDOW));
        assert_eq!(strikes.previous.len() + strikes.current.len(), 1);
    }

    #[test]
    fn without_room_nobody_is_early_until_it_does_not_matter() {
        let begin = Instant::now();
        let second = Duration::from_secs(1);
        let mut strikes = Strikes::new(begin);
        strikes.max_ids = 2;
        assert!(strikes.strike(&[id(1)], begin));
        assert!(!strikes.strike(&[id(2), id(3)], begin + second));
        // There is room for this one, but that one was left out.
        assert!(!strikes.strike(&[id(4)], begin + 2 * second));
        assert!(!strikes.strike(&[id(2)], begin + WINDOW));
        assert_eq!((strikes.current.len(), strikes.previous.len()), (1, 2));
        assert!(!strikes.strike(&[id(5)], begin + WINDOW));
        assert!(!strikes.strike(&[id(6)], begin + WINDOW));
        assert!(strikes.strike(&[id(7)], begin + 3 * WINDOW));
    }
}

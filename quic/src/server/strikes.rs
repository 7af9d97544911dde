//! `Strikes`: the defence against replays of early data (0-RTT; RFC 8446, section 8; RFC 9001,
//! section 9.2).
//!
//! # What can be replayed
//!
//! A recorded ClientHello, and its 0-RTT packets. The keys of an Initial packet are public, so a
//! replay can choose its ids. The keys of 0-RTT packets are secret, and authenticate the header
//! with the destination id (RFC 9001, section 5.3), so that id is the one that the client wrote. It
//! is one of three:
//!
//! - the client's first choice,
//! - after a Retry, the id in that,
//! - once the server has answered, the id that the server chose.
//!
//! # What is kept
//!
//! A connection that acts on early data strikes out all three. A connection with an id that was
//! struck out does not act on early data: recorded packets name an id that no other connection has.
//! This relies on the following:
//!
//! - A packet reaches a connection only by an id of that connection, even if it is not the first of
//!   its datagram ([`Coalesced`](super::coalesced::Coalesced)).
//! - Ids are kept for longer than a ClientHello is valid. BoringSSL rejects early data if the
//!   ticket's age differs by more than 60 s between the client's and the server's clock
//!   (`kMaxTicketAgeSkewSeconds`), and a recorded age is fixed: that is 122 s with all rounding.
//!   Three minutes also outlast a wall clock that is set back by less than 58 s.
//! - All workers share one register. A server with another register has other tickets; after a
//!   restart the old ones are invalid.
//! - When the register is full, no early data is acted on until all ids that were left out are
//!   stale.
//!
//! A connection that doesn't act on early data processes it once its handshake is done, which only
//! the client itself can complete.
//!
//! # What remains
//!
//! An attacker who holds back the client's own packets can have the request answered early by a
//! copy, and then again when the client's handshake is done. No server can detect that (RFC 8446,
//! section 8). So an application must act early only on what may be repeated.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::cid::Cid;

/// The least time that an id is kept; at most twice that.
const WINDOW: Duration = Duration::from_secs(180);

/// Ids per window: about 480 connections per second. They take at most 10 MB, and those of the
/// previous window as much again.
const MAX_IDS: usize = 1 << 18;

/// The ids of connections on which early data was acted on.
#[derive(Debug)]
pub(super) struct Strikes {
    max_ids: usize,
    current: HashSet<Cid>,
    previous: HashSet<Cid>,
    /// When the current window began.
    begin: Instant,
    /// Set when an id was left out: until when it could be replayed.
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
            // Nor an id that came with a known one.
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

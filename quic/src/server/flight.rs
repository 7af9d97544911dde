//! `Flight`: the first datagrams of a handshake, repeated to a client that still asks for them.
//!
//! A client that has not received the server's first message keeps sending Initial packets. quiche
//! answers them with acknowledgements alone. It repeats the message on a timer that doubles each
//! time, in turns with packets under the next keys: after 0.3, 1.5, 6.3 and 25 seconds. A client
//! that loses three in a row gives up. So the first datagrams are sent again on request (RFC 9002,
//! section 6.2.3). The packets are identical: a client that has them already discards them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::whereabouts::Outgoing;

/// As many datagrams as may be sent to an unproven address after one came from it. The rest of a
/// longer message is left to quiche's timer.
const MAX_DATAGRAMS: usize = 3;

/// The least time between repetitions: a client's first message may itself come in several
/// datagrams.
const PAUSE: Duration = Duration::from_millis(10);

/// The datagrams, and the state of their repetition.
#[derive(Debug)]
pub(super) struct Flight {
    datagrams: Vec<Vec<u8>>,
    from: SocketAddr,
    to: SocketAddr,
    /// Complete: no datagram is added.
    is_whole: bool,
    /// The client has asked again.
    is_wanted: bool,
    sent: Instant,
    /// The next datagram of a repetition; none is under way if this is past the last.
    next: usize,
}

impl Flight {
    pub(super) fn new(local: SocketAddr, peer: SocketAddr, now: Instant) -> Self {
        Self {
            datagrams: Vec::new(),
            from: local,
            to: peer,
            is_whole: false,
            is_wanted: false,
            sent: now,
            next: usize::MAX,
        }
    }

    /// Keeps a datagram that was sent. `None`: the connection has nothing more to send for now.
    pub(super) fn keep(&mut self, datagram: Option<&[u8]>, now: Instant) {
        match datagram {
            Some(datagram) if !self.is_whole => {
                self.datagrams.push(datagram.to_vec());
                self.sent = now;
                self.is_whole = self.datagrams.len() == MAX_DATAGRAMS;
            }
            Some(_) => {}
            None => self.is_whole |= !self.datagrams.is_empty(),
        }
    }

    /// A new Initial packet came: the client still lacks the message.
    pub(super) fn ask(&mut self) {
        self.is_wanted = true;
    }

    /// Writes the next datagram of a repetition, if `out` has room for it.
    pub(super) fn repeat(&mut self, now: Instant, out: &mut [u8]) -> Option<Outgoing> {
        let may_begin = self.is_whole && now >= self.sent + PAUSE;
        if std::mem::take(&mut self.is_wanted) && may_begin {
            (self.next, self.sent) = (0, now);
        }
        let datagram = self.datagrams.get(self.next)?;
        let Some(room) = out.get_mut(..datagram.len()) else {
            self.next = usize::MAX;
            return None;
        };
        room.copy_from_slice(datagram);
        self.next += 1;
        Some(Outgoing {
            len: datagram.len(),
            from: self.from,
            to: self.to,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: ([u8; 4], u16) = ([192, 0, 2, 1], 9);

    fn flight(now: Instant) -> Flight {
        Flight::new(PEER.into(), PEER.into(), now)
    }

    fn repeated(flight: &mut Flight, now: Instant, room: usize) -> Vec<usize> {
        let mut out = vec![0; room];
        let repeat = || flight.repeat(now, &mut out).map(|sent| sent.len);
        std::iter::from_fn(repeat).collect()
    }

    #[test]
    fn it_goes_again_once_each_time_that_it_is_asked_for() {
        let now = Instant::now();
        let mut flight = flight(now);
        for len in [1200, 700] {
            flight.keep(Some(&vec![1; len]), now);
        }
        flight.ask();
        assert!(repeated(&mut flight, now, 2000).is_empty(), "too soon");
        let later = now + PAUSE;
        assert!(repeated(&mut flight, later, 2000).is_empty(), "not whole");
        flight.keep(None, now);
        assert!(repeated(&mut flight, later, 2000).is_empty(), "not asked");
        flight.ask();
        assert_eq!(repeated(&mut flight, later, 2000), [1200, 700]);
        flight.ask();
        assert!(
            repeated(&mut flight, later, 2000).is_empty(),
            "too soon again"
        );
        flight.keep(Some(&[2; 50]), later);
        flight.ask();
        assert_eq!(repeated(&mut flight, later + PAUSE, 2000), [1200, 700]);
    }

    #[test]
    fn what_is_more_than_may_be_sent_ends_the_repetition() {
        let now = Instant::now();
        let mut flight = flight(now);
        for len in [600, 1200, 600, 600] {
            flight.keep(Some(&vec![1; len]), now);
        }
        flight.ask();
        assert_eq!(repeated(&mut flight, now + PAUSE, 1000), [600]);
        assert!(repeated(&mut flight, now + PAUSE, 2000).is_empty());
        flight.ask();
        assert_eq!(
            repeated(&mut flight, now + 2 * PAUSE, 2000),
            [600, 1200, 600]
        );
    }
}

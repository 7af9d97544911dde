//! `Pacer`: spreads what a connection sends over the round trip, instead of sending a whole
//! congestion window at once (RFC 9002, section 7.7).
//!
//! ```text
//! budget  ----.                ,----.                ,-- burst
//!              \  sends      /      \  sends      /
//!               '---.  waits         '---.  waits
//!                    '------'              '------'
//! ```
//!
//! quiche paces only BBR, by send times that it returns with packets already sealed; CUBIC sends as
//! much as its window allows. A window sent at once overruns the queues on the path, and what they
//! drop looks like congestion.

use std::time::{Duration, Instant};

use crate::quic::QuicConnection;
use crate::transport::MIN_UDP_PAYLOAD_BYTES;

/// A burst is what the rate allows in this time. If the round trip is not longer, a window is at
/// most a burst and nothing is paced: on a local wire, waiting microseconds costs more than it
/// gains.
const BURST: Duration = Duration::from_millis(2);

/// The bounds of a burst, whatever the rate. The lower keeps a slow connection from being woken per
/// datagram; the upper is less than a receiver's ring holds.
const MIN_BURST_DATAGRAMS: usize = 16;
const MAX_BURST_DATAGRAMS: usize = 128;

/// How much faster than one window per round trip, as a fraction. The whole window is then used
/// even if acknowledgements come late (RFC 9002, section 7.7).
const GAIN: (u128, u128) = (5, 4);

/// Datagrams up to this size cost nothing: they hold an acknowledgement and little else, which
/// should not be held back (RFC 9002, section 7.7).
const FREE_BYTES: usize = 100;

/// Room for a short header, but not for a packet. quiche's CUBIC lets a window grow only if the
/// last datagram filled it, or if another was asked for that had no room: without such a request, a
/// paced window hardly grows. A short header has at most 21 bytes, a packet at least 22 (quiche
/// 0.30).
const TOO_SMALL_BYTES: usize = 21;

/// A budget of bytes that refills with time.
#[derive(Debug)]
pub(crate) struct Pacer {
    budget_bytes: usize,
    /// When the budget was last filled.
    since: Instant,
    /// quiche was asked for a datagram without room for it since the last one left.
    is_excused: bool,
}

/// How a path is used now.
#[derive(Clone, Copy, Debug)]
struct Pace {
    window_bytes: usize,
    rtt: Duration,
    datagram_bytes: usize,
}

impl Pacer {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            budget_bytes: MIN_BURST_DATAGRAMS * MIN_UDP_PAYLOAD_BYTES,
            since: now,
            is_excused: false,
        }
    }

    /// When the next datagram may leave; `None` if that is now.
    pub(crate) fn hold(&mut self, now: Instant, quic: &mut QuicConnection) -> Option<Instant> {
        if self.budget_bytes > 0 {
            return None;
        }
        let path = quic.path_stats().find(|path| path.active)?;
        let pace = Pace {
            window_bytes: path.cwnd,
            // The path's own: `rtt` includes the time in queues, also in this host's.
            rtt: path.min_rtt.unwrap_or(path.rtt),
            datagram_bytes: path.pmtu,
        };
        let held = self.fill(now, pace)?;
        if !std::mem::replace(&mut self.is_excused, true) {
            let _ = quic.send(&mut [0; TOO_SMALL_BYTES]);
        }
        Some(held)
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        if bytes > FREE_BYTES {
            self.budget_bytes = self.budget_bytes.saturating_sub(bytes);
            self.is_excused = false;
        }
    }

    /// Adds what the elapsed time allows, up to a burst. Nothing leaves until there is half of one.
    fn fill(&mut self, now: Instant, pace: Pace) -> Option<Instant> {
        let least = MIN_BURST_DATAGRAMS * pace.datagram_bytes;
        let most = MAX_BURST_DATAGRAMS * pace.datagram_bytes;
        if pace.rtt <= BURST {
            self.budget_bytes = most;
            self.since = now;
            return None;
        }
        let burst = pace.bytes_in(BURST).clamp(least, most);
        let gained = pace.bytes_in(now.saturating_duration_since(self.since));
        if gained >= burst / 2 {
            self.budget_bytes = gained.min(burst);
            self.since = now;
            return None;
        }
        Some(self.since + pace.time_for(burst / 2))
    }
}

impl Pace {
    /// Window and round trip as the rate counts them.
    fn rate(self) -> (u128, u128) {
        let window = self.window_bytes.max(1) as u128 * GAIN.0;
        (window, self.rtt.as_nanos().max(1) * GAIN.1)
    }

    fn bytes_in(self, time: Duration) -> usize {
        let (window, rtt) = self.rate();
        usize::try_from(time.as_nanos() * window / rtt).unwrap_or(usize::MAX)
    }

    fn time_for(self, bytes: usize) -> Duration {
        let (window, rtt) = self.rate();
        let nanos = bytes as u128 * rtt / window;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATAGRAM: usize = 1200;

    fn pace(window: usize, rtt_ms: u64) -> Pace {
        Pace {
            window_bytes: window * DATAGRAM,
            rtt: Duration::from_millis(rtt_ms),
            datagram_bytes: DATAGRAM,
        }
    }

    /// Datagrams that leave in this time, and the most at once, if there is always one to send.
    fn flow(pace: Pace, time: Duration) -> (usize, usize) {
        let begin = Instant::now();
        let mut pacer = Pacer::new(begin);
        let (mut now, mut all, mut most) = (begin, 0, 0);
        while now < begin + time {
            let mut burst = 0;
            now = loop {
                let held = match pacer.budget_bytes {
                    0 => pacer.fill(now, pace),
                    _ => None,
                };
                if let Some(at) = held {
                    assert!(at > now);
                    break at;
                }
                pacer.sent(DATAGRAM);
                burst += 1;
            };
            most = most.max(burst);
            all += burst;
        }
        (all, most)
    }

    #[test]
    fn a_window_takes_a_round_trip() {
        for (window, rtt) in [(32, 20), (300, 20), (1000, 100), (16, 500)] {
            let round_trips = 10;
            let time = Duration::from_millis(rtt * round_trips);
            let (all, most) = flow(pace(window, rtt), time);
            let expected = window * 10 * 5 / 4;
            let near = expected * 9 / 10..=expected * 11 / 10 + MIN_BURST_DATAGRAMS;
            assert!(near.contains(&all), "{all} of {expected}");
            assert!(most <= MIN_BURST_DATAGRAMS.max(window / 10), "{most}");
        }
    }

    #[test]
    fn who_was_idle_has_one_burst_and_no_more() {
        let begin = Instant::now();
        let mut pacer = Pacer::new(begin);
        let later = begin + Duration::from_secs(60);
        pacer.sent(usize::MAX);
        assert_eq!(pacer.fill(later, pace(100, 50)), None);
        assert_eq!(pacer.budget_bytes, MIN_BURST_DATAGRAMS * DATAGRAM);
    }

    #[test]
    fn a_short_round_trip_is_not_paced() {
        let begin = Instant::now();
        let mut pacer = Pacer::new(begin);
        for _ in 0..1000 {
            let near = Pace {
                rtt: Duration::from_micros(300),
                ..pace(20, 0)
            };
            assert_eq!(pacer.fill(begin, near), None);
            pacer.sent(usize::MAX);
        }
    }
}

//! A server's addresses, tried one after another, and why each failed.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use rustix::io::Errno;

use crate::report;

/// How long an address may be silent if others are left: the longest delay between two attempts
/// that RFC 8305 (section 8) recommends.
const LONGEST_SHARE: Duration = Duration::from_secs(2);

/// Addresses still to try, those that failed, and the time that is left for all.
pub(crate) struct Addresses {
    host: String,
    left: VecDeque<SocketAddr>,
    failures: Vec<(SocketAddr, anyhow::Error)>,
    deadline: Instant,
}

impl Addresses {
    /// The addresses of `host` in this order, with `timeout` from now on for all.
    pub(crate) fn new(host: &str, addresses: Vec<SocketAddr>, timeout: Duration) -> Self {
        Self {
            host: host.to_owned(),
            left: addresses.into(),
            failures: Vec::new(),
            deadline: Instant::now() + timeout,
        }
    }

    pub(crate) fn next(&mut self) -> Option<SocketAddr> {
        self.left.pop_front()
    }

    pub(crate) fn failed(&mut self, address: SocketAddr, error: anyhow::Error) {
        tracing::info!(%address, "not reached: {error:#}");
        self.failures.push((address, error));
    }

    /// No other address is left.
    pub(crate) fn is_last(&self) -> bool {
        self.left.is_empty()
    }

    /// The time left for all, rounded up to a tenth of a second, since people read it.
    pub(crate) fn remaining(&self) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let tenths = left.as_millis().div_ceil(100);
        Duration::from_millis(u64::try_from(tenths).map_or(u64::MAX, |it| it.saturating_mul(100)))
    }

    /// The share of it that the current address has to answer.
    pub(crate) fn share(&self) -> Duration {
        match u32::try_from(self.left.len()) {
            Ok(0) => self.remaining(),
            Ok(others) => (self.remaining() / (others + 1)).min(LONGEST_SHARE),
            Err(_) => Duration::ZERO,
        }
    }

    /// Extends the deadline by time spent on something else.
    pub(crate) fn postpone(&mut self, by: Duration) {
        self.deadline += by;
    }

    /// Why none was reached.
    pub(crate) fn error(&mut self) -> anyhow::Error {
        if self.failures.len() == 1
            && let Some((_, error)) = self.failures.pop()
        {
            return error;
        }
        let tell = |(address, error): &(SocketAddr, anyhow::Error)| {
            format!("{}: {}", address.ip(), report::describe(error))
        };
        let each: Vec<String> = self.failures.iter().map(tell).collect();
        let count = each.len();
        anyhow!(
            "none of the {count} addresses of {} answers: {}",
            self.host,
            each.join("; ")
        )
    }
}

/// Why `peer` does not answer, if an ICMP message says so. The kernel reports it on `held`, which
/// has the local port and is connected to `peer`.
pub(crate) fn refusal(held: &UdpSocket, peer: SocketAddr) -> Option<anyhow::Error> {
    let error = held.take_error().ok().flatten()?;
    let meaning = match Errno::from_io_error(&error) {
        Some(Errno::CONNREFUSED) => format!(
            "nothing listens there on UDP port {} (ICMP port unreachable): is the server running, \
             and is the port right?",
            peer.port()
        ),
        _ => format!("{error} (ICMP)"),
    };
    Some(anyhow!("{}: {meaning}", peer.ip()))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use anyhow::anyhow;

    use super::{Addresses, LONGEST_SHARE};

    #[test]
    fn the_last_address_has_all_the_time_that_is_left() {
        let addresses: [SocketAddr; 3] = [1, 2, 3].map(|n| ([192, 0, 2, n], 443).into());
        let long = Duration::from_secs(3600);
        let mut tried = Addresses::new("a.test", addresses.into(), long);
        for (at, address) in addresses.into_iter().enumerate() {
            assert_eq!(tried.next(), Some(address));
            match at {
                2 => assert!(tried.share() > LONGEST_SHARE),
                _ => assert_eq!(tried.share(), LONGEST_SHARE),
            }
            tried.failed(address, anyhow!("silence {at}"));
        }
        assert_eq!(tried.next(), None);
        assert_eq!(
            tried.error().to_string(),
            "none of the 3 addresses of a.test answers: 192.0.2.1: silence 0; 192.0.2.2: silence \
             1; 192.0.2.3: silence 2"
        );
        let mut one = Addresses::new("a.test", addresses[..1].into(), Duration::ZERO);
        let address = one.next().expect("one");
        assert_eq!(one.share(), Duration::ZERO);
        one.failed(address, anyhow!("silence"));
        assert_eq!(one.error().to_string(), "silence");
    }
}

//! The limits of a server's clients, and of the process's file descriptors.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use xskit::quic::{HttpConfig, ServerConfig};

use crate::args::BoundArgs;

/// Descriptors that are not for clients' files: the XDP program and its maps, the log, and a few
/// for path look-ups. At most half of a small limit.
const RESERVED_DESCRIPTORS: u64 = 56;

/// Descriptors per worker: its socket, ring, waker and root.
const RESERVED_PER_WORKER: u64 = 8;

impl BoundArgs {
    /// Writes the limits, and raises the process's limit of descriptors as far as it may. Returns
    /// the limit of TCP connections.
    pub(crate) fn configure(
        &self,
        config: &mut ServerConfig,
        http: &mut HttpConfig,
        workers: usize,
        has_tcp: bool,
    ) -> usize {
        config.max_connections = self.max_connections as usize;
        config.max_connections_per_host = self.max_connections_per_host as usize;
        config.max_connections_per_network = self.max_connections_per_network as usize;
        config.request_timeout = self.request_timeout;
        config.response_timeout = self.response_timeout;
        let left = left_for_files(raise_descriptor_limit(), workers as u64);
        let tcp = match has_tcp {
            true => left_for_tcp(left, u64::from(self.max_connections)),
            false => 0,
        };
        let left = left - tcp;
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        http.max_open_files = match self.max_open_files {
            Some(asked) => left.min(asked as usize),
            None => left,
        };
        usize::try_from(tcp).unwrap_or(usize::MAX)
    }
}

/// Raises the soft limit to the hard one. Returns the limit obtained.
fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Refused if the hard limit is above fs.nr_open by now; the old soft limit will do.
    let obtained = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    obtained.unwrap_or(u64::MAX)
}

/// Descriptors for TCP connections, one each.
fn left_for_tcp(left: u64, connections: u64) -> u64 {
    connections.min(left / 2)
}

/// Descriptors of `limit` that are left for clients' files.
fn left_for_files(limit: u64, workers: u64) -> u64 {
    let reserved = RESERVED_DESCRIPTORS + RESERVED_PER_WORKER * workers;
    limit - reserved.min(limit / 2)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;
    use rustix::process::{Resource, getrlimit};
    use xskit::quic::{HttpConfig, Identity, ServerConfig, cert};

    use super::{left_for_files, left_for_tcp, raise_descriptor_limit};
    use crate::args::BoundArgs;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bounds: BoundArgs,
    }

    #[test]
    fn each_option_sets_its_bound() {
        let options = [
            "max-connections=1",
            "max-connections-per-host=2",
            "max-connections-per-network=3",
            "max-open-files=4",
            "request-timeout=5",
            "response-timeout=6",
        ];
        let words = options.map(|option| format!("--{option}"));
        let line = Line::parse_from(["serve".to_owned()].into_iter().chain(words));
        let pem = cert::self_signed(&[]).expect("a certificate");
        let identity = Identity::from_pem(pem.certificate.as_bytes(), pem.key.as_bytes());
        let mut config = ServerConfig::new(identity.expect("a pair"));
        let mut http = HttpConfig::default();
        line.bounds.configure(&mut config, &mut http, 1, false);
        let counts = [
            config.max_connections,
            config.max_connections_per_host,
            config.max_connections_per_network,
            http.max_open_files,
        ];
        assert_eq!(counts, [1, 2, 3, 4]);
        let times = [config.request_timeout, config.response_timeout];
        assert_eq!(times, [5, 6].map(Duration::from_secs));
    }

    #[test]
    fn some_descriptors_are_always_left() {
        for (limit, left) in [(0, 0), (24, 12), (128, 64), (1024, 960)] {
            assert_eq!(left_for_files(limit, 1), left);
        }
        assert_eq!(left_for_files(1024, 33), 1024 - 56 - 33 * 8);
    }

    #[test]
    fn connections_of_tcp_leave_as_many_for_files() {
        for (left, connections, tcp) in [(960, 4096, 480), (960, 100, 100), (1, 1, 0)] {
            assert_eq!(left_for_tcp(left, connections), tcp);
        }
    }

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        let raised = raise_descriptor_limit();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert_eq!(limit.maximum.unwrap_or(u64::MAX), raised);
    }
}

//! The runner's cases: the requirements of each on network, client and server.

use std::time::Duration;

use crate::relay::Network;

/// A case that can be run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The client's `TESTCASE`.
    pub(crate) client: &'static str,
    /// The server's `TESTCASE`.
    pub(crate) server: &'static str,
    pub(crate) network: Network,
    /// Lengths of the files, in bytes.
    pub(crate) files: &'static [usize],
    pub(crate) demand: Demand,
    /// The time after which it has failed.
    pub(crate) patience: Duration,
}

/// What a case requires beside files that arrive whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Demand {
    Files,
    /// No file, but a Version Negotiation packet.
    VersionNegotiation,
    /// More than one packet from the client before the server's first.
    Patience,
    /// The client offers ChaCha20 alone.
    ChaCha20,
    /// A Retry packet, which the server must be configured to send.
    Retry,
    /// The server's count of migrations.
    Migration,
    /// At most three times the bytes received, until the client has answered.
    Amplification,
    /// A second handshake without a certificate.
    Resumption,
    /// The same, with requests before it is complete.
    ZeroRtt,
    /// Packets of both ends under the next keys.
    KeyUpdate,
    Ipv6,
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The same name at both ends.
const fn case(name: &'static str, files: &'static [usize], demand: Demand) -> Case {
    Case {
        name,
        client: name,
        server: name,
        network: Network::PLAIN,
        files,
        demand,
        patience: Duration::from_secs(60),
    }
}

/// Named `transfer` at both ends.
const fn transfer(name: &'static str, files: &'static [usize], demand: Demand) -> Case {
    case(name, files, demand).told("transfer", "transfer")
}

/// Handshakes one after the other.
const fn multiconnect(name: &'static str, network: Network) -> Case {
    let mut case = case(name, &[KIB; 50], Demand::Files).told("multiconnect", "multiconnect");
    case.patience = Duration::from_secs(300);
    case.over(network)
}

impl Case {
    const fn told(mut self, client: &'static str, server: &'static str) -> Self {
        (self.client, self.server) = (client, server);
        self
    }

    const fn over(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// The number of attempts. With a third of all datagrams lost in fifty handshakes, doubling
    /// timers now and then keep one from ending in time, whichever the stacks.
    pub(crate) fn attempts(&self) -> u64 {
        match self.client {
            "multiconnect" => 3,
            _ => 1,
        }
    }

    /// The expected number of connections. A client may end with version negotiation, or go on.
    pub(crate) fn connections(&self) -> Option<usize> {
        match (self.client, self.demand) {
            (_, Demand::VersionNegotiation) => None,
            ("multiconnect", _) => Some(self.files.len()),
            (_, Demand::Resumption | Demand::ZeroRtt) => Some(2),
            _ => Some(1),
        }
    }
}

const LOSSY: Network = Network {
    loss_percent: 30,
    ..Network::PLAIN
};
const CORRUPTING: Network = Network {
    corruption_percent: 30,
    ..Network::PLAIN
};

pub(crate) const CASES: &[Case] = &[
    case("versionnegotiation", &[], Demand::VersionNegotiation),
    case("handshake", &[KIB], Demand::Files),
    transfer("transfer", &[2 * MIB, 3 * MIB, 5 * MIB], Demand::Files),
    case("longrtt", &[KIB], Demand::Patience)
        .told("handshake", "handshake")
        .over(Network {
            delay: Duration::from_millis(750),
            ..Network::PLAIN
        }),
    case("chacha20", &[3 * MIB], Demand::ChaCha20),
    transfer("multiplexing", &[32; 1999], Demand::Files),
    case("retry", &[10 * KIB], Demand::Retry),
    case("resumption", &[5 * KIB, 10 * KIB], Demand::Resumption),
    case("zerortt", &[32; 40], Demand::ZeroRtt),
    case("http3", &[5 * KIB, 10 * KIB, 500 * KIB], Demand::Files),
    transfer("blackhole", &[10 * MIB], Demand::Files).over(Network {
        is_black: true,
        ..Network::PLAIN
    }),
    case("keyupdate", &[3 * MIB], Demand::KeyUpdate).told("keyupdate", "transfer"),
    transfer("amplificationlimit", &[5 * KIB], Demand::Amplification).over(Network {
        drop_from_client: (1, 7),
        ..Network::PLAIN
    }),
    multiconnect("handshakeloss", LOSSY),
    transfer("transferloss", &[2 * MIB], Demand::Files).over(Network {
        loss_percent: 2,
        ..Network::PLAIN
    }),
    multiconnect("handshakecorruption", CORRUPTING),
    transfer("transfercorruption", &[2 * MIB], Demand::Files).over(Network {
        corruption_percent: 2,
        ..Network::PLAIN
    }),
    transfer("ipv6", &[5 * KIB, 10 * KIB], Demand::Ipv6),
    transfer("rebind-port", &[10 * MIB], Demand::Migration).over(Network {
        rebinds_port: true,
        ..Network::PLAIN
    }),
    transfer("rebind-addr", &[10 * MIB], Demand::Migration).over(Network {
        rebinds_address: true,
        ..Network::PLAIN
    }),
    transfer("goodput", &[10 * MIB], Demand::Files),
];

/// Cases that no pair can run, because quiche or this program lacks what they need.
pub(crate) const UNSUPPORTED: &[(&str, &str)] = &[
    ("ecn", "quiche neither marks packets nor reports marks"),
    ("v2", "quiche has version 1 alone"),
    (
        "connectionmigration",
        "the server would offer a preferred address, which quiche has no setting for",
    ),
    (
        "crosstraffic",
        "TCP would have to go through the same queue, and the relay has UDP alone",
    ),
];

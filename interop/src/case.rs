//! The runner's cases: what each asks of the network, of the client and of the server.

use std::time::Duration;

use crate::relay::Network;

/// A case that can be run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) network: Network,
    /// Lengths of the files, in bytes.
    pub(crate) files: &'static [usize],
    /// Each file on a connection of its own, one after the other.
    pub(crate) is_multiconnect: bool,
    pub(crate) demand: Demand,
}

/// What must be seen beside files that arrive whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Demand {
    Files,
    /// The client offers ChaCha20 alone.
    ChaCha20,
    /// A Retry packet, which the server must be told to send.
    Retry,
    /// The server's count of migrations.
    Migration,
    /// At most three times the bytes that came, until the client has answered.
    Amplification,
    /// Early data that is accepted.
    ZeroRtt,
    KeyUpdate,
    Ipv6,
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

const fn case(name: &'static str, files: &'static [usize], demand: Demand) -> Case {
    Case {
        name,
        network: Network::PLAIN,
        files,
        is_multiconnect: false,
        demand,
    }
}

impl Case {
    const fn over(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    const fn multiconnect(mut self) -> Self {
        self.is_multiconnect = true;
        self
    }
}

/// The runner drops and corrupts 30 of 100 in the cases of handshakes, and 2 of 100 in those of transfers.
pub(crate) const CASES: &[Case] = &[
    case("handshake", &[KIB], Demand::Files),
    case("transfer", &[2 * MIB, 3 * MIB, 5 * MIB], Demand::Files),
    case("longrtt", &[KIB], Demand::Files).over(Network {
        delay: Duration::from_millis(750),
        ..Network::PLAIN
    }),
    case("chacha20", &[3 * MIB], Demand::ChaCha20),
    case("multiplexing", &[32; 1999], Demand::Files),
    case("retry", &[KIB], Demand::Retry),
    case("zerortt", &[32; 40], Demand::ZeroRtt),
    case("http3", &[5 * KIB, 10 * KIB, 500 * KIB], Demand::Files),
    case("blackhole", &[10 * MIB], Demand::Files).over(Network {
        black_after: Some(1000),
        ..Network::PLAIN
    }),
    case("keyupdate", &[3 * MIB], Demand::KeyUpdate),
    case("amplificationlimit", &[5 * KIB], Demand::Amplification).over(Network {
        drop_from_client: (1, 7),
        ..Network::PLAIN
    }),
    case("handshakeloss", &[KIB; 20], Demand::Files)
        .multiconnect()
        .over(Network {
            loss_percent: 30,
            ..Network::PLAIN
        }),
    case("transferloss", &[2 * MIB], Demand::Files).over(Network {
        loss_percent: 2,
        ..Network::PLAIN
    }),
    case("handshakecorruption", &[KIB; 20], Demand::Files)
        .multiconnect()
        .over(Network {
            corruption_percent: 30,
            ..Network::PLAIN
        }),
    case("transfercorruption", &[2 * MIB], Demand::Files).over(Network {
        corruption_percent: 2,
        ..Network::PLAIN
    }),
    case("ipv6", &[5 * KIB, 10 * KIB], Demand::Ipv6),
    case("rebind-port", &[10 * MIB], Demand::Migration).over(Network {
        rebind_port_every: Some(2000),
        ..Network::PLAIN
    }),
    case("rebind-addr", &[10 * MIB], Demand::Migration).over(Network {
        rebind_address_every: Some(2000),
        ..Network::PLAIN
    }),
    case("goodput", &[10 * MIB], Demand::Files),
];

/// Cases that are not run, and why.
pub(crate) const UNSUPPORTED: &[(&str, &str)] = &[
    (
        "versionnegotiation",
        "not written yet: a client that begins with the number of a draft",
    ),
    (
        "resumption",
        "quinn does not say whether a handshake was resumed; zerortt can't be without",
    ),
    ("ecn", "quiche neither marks packets nor reports marks"),
    ("v2", "quiche has version 1 alone"),
    (
        "connectionmigration",
        "the server would offer a preferred address, which quiche has no setting for",
    ),
];

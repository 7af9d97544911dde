//! What the endpoints and their attackers share: addresses, certificates, the file, the clock.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use xskit_quic::cert::{Authority, Pem, Validity};
use xskit_wire::{LinkPath, MacAddr, UdpHeaders};

pub(super) const NAME: &str = "server.test";
/// The file that an honest client asks for, below the folder that is served.
pub(super) const FILE: &str = "/wire_parse/udp4";
/// Datagrams that one operation may cause; the windows and files here are too small for more.
pub(super) const MAX_DATAGRAMS: usize = 2048;

/// The server's address.
pub(super) fn server_addr() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 443))
}

/// The way from a client to the server.
pub(super) const LINK: LinkPath = LinkPath::new(
    MacAddr::new([2, 0, 0, 0, 0, 1]),
    MacAddr::new([2, 0, 0, 0, 0, 2]),
);

/// An authority's certificate, and a server's by it.
pub(super) fn pki() -> &'static (String, Pem) {
    static PKI: OnceLock<(String, Pem)> = OnceLock::new();
    PKI.get_or_init(|| {
        let authority = Authority::new().expect("a key can be made");
        let pem = authority.issue(&[NAME.to_owned()], Validity::days(1));
        (authority.pem(), pem.expect("the name is one"))
    })
}

/// The folder that is served.
pub(super) fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/seeds"))
}

/// What is in [`FILE`].
pub(super) fn content() -> &'static [u8] {
    static CONTENT: OnceLock<Vec<u8>> = OnceLock::new();
    CONTENT
        .get_or_init(|| std::fs::read(folder().join(&FILE[1..])).expect("it is in the repository"))
}

/// A frame with this payload.
pub(super) fn frame(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let headers = UdpHeaders::new(LINK, from, to);
    let mut frame = [&vec![0; headers.header_len()][..], payload].concat();
    // Payloads come from inputs and endpoints, neither of which reaches 64 KiB.
    headers
        .emit(&mut frame, payload.len())
        .expect("there is room");
    frame
}

/// A datagram that an endpoint has sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) payload: Vec<u8>,
}

/// The endpoints' clock: the real one, which quiche reads itself, put forward now and then.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    ahead: Duration,
}

impl Clock {
    pub(super) fn now(self) -> Instant {
        Instant::now() + self.ahead
    }

    pub(super) fn put_forward(&mut self, by: Duration) {
        self.ahead += by;
    }
}

//! The two endpoints under attack, and what must hold of them after every blow.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use xskit_core::wire::{Datagram, Link, MacAddr, UdpChecksum, UdpHeaders};
use xskit_quic::cert::{Authority, Pem, Validity};
use xskit_quic::client::{ClientEvent, RequestId, Trust};
use xskit_quic::{Client, ClientConfig, Identity, Server, ServerConfig};

use super::clock::Clock;

const NAME: &str = "server.test";
/// The file that an honest client asks for, below the folder that is served.
pub(super) const FILE: &str = "/wire_parse/udp4";
/// Datagrams that one blow may cause; the windows and files here are too small for more.
const MAX_DATAGRAMS: usize = 2048;
const MAX_CONNECTIONS: usize = 6;
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Ids that a connection may have: its first two, and those it keeps for the client.
const MAX_IDS: usize = 2 + 8;
const MAX_BODY_BYTES: usize = 512 << 10;

/// Where the server is.
pub(super) fn server_addr() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 443))
}

/// The way from a client to the server.
pub(super) const LINK: Link = Link::new(
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

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/seeds"))
}

/// What is in [`FILE`].
fn content() -> &'static [u8] {
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

/// A server, the clock it is shown, and what it got from and sent to whom.
pub(super) struct ServerParty {
    pub(super) server: Server<Link>,
    pub(super) clock: Clock,
    received: HashMap<SocketAddr, usize>,
    sent: HashMap<SocketAddr, usize>,
}

impl ServerParty {
    pub(super) fn new() -> Self {
        let (_, pem) = pki();
        let identity = Identity::from_pem(pem.certificate.as_bytes(), pem.key.as_bytes());
        let mut config = ServerConfig::new(folder(), identity.expect("it was just made"));
        config.max_connections = MAX_CONNECTIONS;
        config.retry_above_half_open = MAX_CONNECTIONS / 2;
        config.handshake_timeout = HANDSHAKE;
        config.max_body_bytes_held = MAX_BODY_BYTES;
        config.transport.max_streams = 8;
        let clock = Clock::default();
        Self {
            server: Server::new(&config, clock.now()).expect("the configuration is sound"),
            clock,
            received: HashMap::new(),
            sent: HashMap::new(),
        }
    }

    /// As a driver does it: headers first, then the payload where it lies.
    pub(super) fn take(&mut self, mut frame: Vec<u8>) {
        let Ok(datagram) = Datagram::parse(&frame, UdpChecksum::Ignore) else {
            return;
        };
        let payload = datagram
            .payload_mut(&mut frame)
            .expect("it is this frame's");
        let (from, to) = (datagram.source, datagram.destination);
        *self.received.entry(from).or_default() += payload.len();
        let now = self.clock.now();
        self.server
            .handle_datagram(now, payload, from, to, datagram.link);
    }

    /// Takes all that the server has to send.
    pub(super) fn drain(&mut self) -> Vec<Sent> {
        let mut out = [0; 2048];
        let mut drained = Vec::new();
        while let Some(sent) = self.server.poll_transmit(self.clock.now(), &mut out) {
            assert!(
                drained.len() < MAX_DATAGRAMS,
                "one blow, endless answers: {:?}",
                self.server.stats()
            );
            let payload = out[..sent.len].to_vec();
            let headers = UdpHeaders::new(sent.link.reply(), sent.from, sent.to);
            let mut frame = [&vec![0; headers.header_len()][..], &payload].concat();
            assert_eq!(headers.emit(&mut frame, sent.len), Ok(frame.len()));
            assert!(
                self.received.contains_key(&sent.to),
                "{} said nothing",
                sent.to
            );
            *self.sent.entry(sent.to).or_default() += sent.len;
            drained.push(Sent {
                from: sent.from,
                to: sent.to,
                payload,
            });
        }
        self.check();
        drained
    }

    /// Puts the clock forward, and lets what is due happen.
    pub(super) fn wait(&mut self, by: Duration) {
        self.clock.put_forward(by);
        self.server.handle_timeout(self.clock.now());
    }

    fn check(&self) {
        let stats = self.server.stats();
        let sum = stats.delivered + stats.answered.total() + stats.dropped.total();
        assert_eq!(stats.datagrams_in, sum, "{stats:?}");
        let connections = stats.connections;
        assert!(connections.active <= MAX_CONNECTIONS, "{stats:?}");
        assert!(connections.half_open <= connections.active, "{stats:?}");
        assert!(connections.ids <= connections.active * MAX_IDS, "{stats:?}");
        assert!(
            stats.body_bytes_held <= connections.active * 2 * MAX_BODY_BYTES,
            "{stats:?}"
        );
    }

    /// Nobody has proved its address: each gets three times what it sent at most (RFC 9000, section 8.1).
    pub(super) fn nobody_is_flooded(&self) {
        for (to, sent) in &self.sent {
            let received = self.received.get(to).copied().unwrap_or(0);
            assert!(*sent <= 3 * received, "{sent} bytes to {to} for {received}");
        }
    }

    /// Whoever has not finished its handshake is forgotten when the time for that is over.
    pub(super) fn forgets_the_half_open(&mut self) {
        self.wait(HANDSHAKE + Duration::from_secs(1));
        self.drain();
        let stats = self.server.stats();
        assert_eq!(stats.connections.half_open, 0, "{stats:?}");
    }

    /// An honest client, from a place that nobody else has, gets its file.
    pub(super) fn serves_an_honest_client(&mut self) {
        let local = SocketAddr::from(([198, 51, 100, 200], 50_000));
        let mut party = ClientParty::new(local);
        let mut idle = 0;
        while party.body.is_none() {
            let sent = party.drain();
            let any_sent = !sent.is_empty();
            for datagram in sent {
                self.take(frame(datagram.from, datagram.to, &datagram.payload));
            }
            let answers: Vec<Sent> = self
                .drain()
                .into_iter()
                .filter(|sent| sent.to == local)
                .collect();
            let any_answer = !answers.is_empty();
            for answer in answers {
                party.take(answer.payload, answer.from);
            }
            if !any_sent && !any_answer {
                idle += 1;
                assert!(
                    idle < 100,
                    "no file: {:?} {:?}",
                    party.client,
                    self.server.stats()
                );
                std::thread::sleep(Duration::from_millis(5));
                self.wait(Duration::ZERO);
                party.client.handle_timeout(party.clock.now());
            }
        }
        party.client.close(party.clock.now());
        for datagram in party.drain() {
            self.take(frame(datagram.from, datagram.to, &datagram.payload));
        }
        self.drain();
    }
}

/// A client that asks for [`FILE`], and the clock it is shown.
pub(super) struct ClientParty {
    pub(super) client: Client<Link>,
    pub(super) clock: Clock,
    pub(super) local: SocketAddr,
    request: RequestId,
    reading: Vec<u8>,
    /// The whole file, when it is here.
    body: Option<Vec<u8>>,
}

impl ClientParty {
    pub(super) fn new(local: SocketAddr) -> Self {
        let (authority, _) = pki();
        let config = ClientConfig::new(NAME, 443, Trust::Pem(authority.clone()));
        let clock = Clock::default();
        let client = Client::new(&config, local, server_addr(), LINK, clock.now());
        let mut client = client.expect("the configuration is sound");
        let request = client.get(FILE, None);
        Self {
            client,
            clock,
            local,
            request,
            reading: Vec::new(),
            body: None,
        }
    }

    pub(super) fn take(&mut self, mut payload: Vec<u8>, from: SocketAddr) {
        let now = self.clock.now();
        self.client
            .handle_datagram(now, &mut payload, from, self.local);
    }

    /// Takes events, bodies and all that the client has to send.
    pub(super) fn drain(&mut self) -> Vec<Sent> {
        self.events();
        let mut out = [0; 2048];
        let mut drained = Vec::new();
        while let Some(sent) = self.client.poll_transmit(self.clock.now(), &mut out) {
            assert!(
                drained.len() < MAX_DATAGRAMS,
                "one blow, endless answers: {:?}",
                self.client.stats()
            );
            assert_eq!((sent.from, sent.link), (self.local, LINK));
            drained.push(Sent {
                from: sent.from,
                to: sent.to,
                payload: out[..sent.len].to_vec(),
            });
        }
        drained
    }

    fn events(&mut self) {
        let mut buf = [0; 4096];
        let mut closed = false;
        for count in 0.. {
            let Some(event) = self.client.poll_event() else {
                return;
            };
            assert!(count < MAX_DATAGRAMS, "endless events, now {event:?}");
            assert!(!closed, "{event:?} after the last event");
            match event {
                ClientEvent::Body(id) => loop {
                    let read = self.client.read_body(id, &mut buf);
                    if read == 0 {
                        break;
                    }
                    self.reading.extend_from_slice(&buf[..read]);
                },
                ClientEvent::Finished(id) if id == self.request => {
                    self.body = Some(std::mem::take(&mut self.reading));
                }
                ClientEvent::Closed(_) => closed = true,
                _ => {}
            }
        }
    }

    /// From an honest server nothing but the file comes, or nothing.
    pub(super) fn has_the_file_or_nothing(&self) {
        if let Some(body) = &self.body {
            assert_eq!(body, content());
        }
    }
}

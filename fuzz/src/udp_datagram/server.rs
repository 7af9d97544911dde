//! A server under attack, and what must hold of it after every operation.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use xskit_quic::Endpoint;
use xskit_quic::{FileServer, Files, Http, HttpConfig, Identity, Root, Server, ServerConfig};
use xskit_wire::{Datagram, LinkPath, UdpChecksum, UdpHeaders};

use super::client::ClientParty;
use super::party::{Clock, MAX_DATAGRAMS, Sent, folder, frame, pki};

const MAX_CONNECTIONS: usize = 6;
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Ids that a connection may have: its first two, those it keeps for the client, and those that the
/// client has retired last.
const MAX_IDS: usize = 2 + 8 + 8;
const MAX_BODY_BYTES: usize = 512 << 10;

fn files() -> Http<Files> {
    let config = HttpConfig {
        max_body_bytes_held: MAX_BODY_BYTES,
        ..HttpConfig::default()
    };
    let root = Root::open(folder()).expect("it was just made");
    Http::new(Files::new(root), &config).expect("the configuration is sound")
}

/// A server, its clock, and the bytes received from and sent to each address.
pub(super) struct ServerParty {
    pub(super) server: FileServer<LinkPath>,
    pub(super) clock: Clock,
    received: HashMap<SocketAddr, usize>,
    sent: HashMap<SocketAddr, usize>,
}

impl ServerParty {
    pub(super) fn new() -> Self {
        let (_, pem) = pki();
        let identity = Identity::from_pem(pem.certificate.as_bytes(), pem.key.as_bytes());
        let mut config = ServerConfig::new(identity.expect("it was just made"));
        config.max_connections = MAX_CONNECTIONS;
        config.retry_above_half_open = MAX_CONNECTIONS / 2;
        config.handshake_timeout = HANDSHAKE;
        config.transport.max_streams = 8;
        let clock = Clock::default();
        Self {
            server: Server::new(&config, files(), clock.now()).expect("the configuration is sound"),
            clock,
            received: HashMap::new(),
            sent: HashMap::new(),
        }
    }

    /// As a driver does: headers first, then the payload in place.
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

    /// Takes everything that the server has to send.
    pub(super) fn drain(&mut self) -> Vec<Sent> {
        let mut out = [0; 2048];
        let mut drained = Vec::new();
        while let Some(sent) = self.server.poll_transmit(self.clock.now(), &mut out) {
            assert!(
                drained.len() < MAX_DATAGRAMS,
                "one operation, endless answers: {:?}",
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

    /// Puts the clock forward, and handles the timers that are due.
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
            self.server.application().common().body_bytes_held()
                <= connections.active * 2 * MAX_BODY_BYTES,
            "{stats:?}"
        );
    }

    /// No address is validated: each gets at most three times what it sent (RFC 9000, section 8.1).
    pub(super) fn no_address_is_flooded(&self) {
        for (to, sent) in &self.sent {
            let received = self.received.get(to).copied().unwrap_or(0);
            assert!(*sent <= 3 * received, "{sent} bytes to {to} for {received}");
        }
    }

    /// Unfinished handshakes are forgotten when their time is over.
    pub(super) fn forgets_the_half_open(&mut self) {
        self.wait(HANDSHAKE + Duration::from_secs(1));
        self.drain();
        let stats = self.server.stats();
        assert_eq!(stats.connections.half_open, 0, "{stats:?}");
    }

    /// An honest client, from an address that no one else has, gets its file.
    pub(super) fn serves_an_honest_client(&mut self) {
        let local = SocketAddr::from(([198, 51, 100, 200], 50_000));
        let mut party = ClientParty::new(local);
        let mut idle = 0;
        while !party.is_done() {
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
        party.has_the_file_or_nothing();
        party.client.close(party.clock.now());
        for datagram in party.drain() {
            self.take(frame(datagram.from, datagram.to, &datagram.payload));
        }
        self.drain();
    }
}

//! A custom protocol: streams and datagrams, without HTTP.

use std::time::Instant;

use xskit_quic::client::{Connection, ConnectionEnd, ErrorLayer};
use xskit_quic::server::{Activity, Close, Peer, WaitsFor};
use xskit_quic::{Application, Endpoint, QuicConnection, Server, ServerConfig};

use super::raw::{client_config, dial, exchange};
use super::world::{NAME, Pki, content, server_addr};

/// Echoes streams and datagrams.
struct Echo {
    refuse: bool,
}

/// Bytes that could not be sent back yet, by stream, and whether the stream has ended.
#[derive(Default)]
struct Pending(Vec<(u64, Vec<u8>, bool)>);

impl Application for Echo {
    type Session = Pending;

    fn protocols(&self) -> &[&[u8]] {
        &[b"echo"]
    }

    fn begin(&mut self, _: &mut QuicConnection, peer: &Peer, _: Instant) -> Result<Pending, Close> {
        assert_eq!(peer.address().port(), 9);
        match self.refuse {
            true => Err(Close {
                code: 7,
                reason: "not today",
            }),
            false => Ok(Pending::default()),
        }
    }

    fn service(
        &mut self,
        pending: &mut Pending,
        quic: &mut QuicConnection,
        _: Instant,
    ) -> Activity {
        let mut advanced = false;
        let streams: Vec<u64> = quic.readable().collect();
        for stream in streams {
            let at = pending.0.iter().position(|(known, ..)| *known == stream);
            let at = at.unwrap_or_else(|| {
                pending.0.push((stream, Vec::new(), false));
                pending.0.len() - 1
            });
            let (_, bytes, is_all) = &mut pending.0[at];
            while let Ok((_, fin)) = quic.stream_recv_buf(stream, &mut *bytes) {
                *is_all |= fin;
                advanced = true;
            }
        }
        pending.0.retain_mut(|(stream, bytes, is_all)| {
            match quic.stream_send(*stream, bytes, *is_all) {
                Ok(len) => drop(bytes.drain(..len)),
                Err(quiche::Error::Done) => {}
                Err(_) => return false,
            }
            !(bytes.is_empty() && *is_all)
        });
        let mut datagram = [0; 1200];
        while let Ok(len) = quic.dgram_recv(&mut datagram) {
            let _ = quic.dgram_send(&datagram[..len]);
        }
        let waits_for = match pending.0.is_empty() {
            true => WaitsFor::Request,
            false => WaitsFor::Peer,
        };
        Activity {
            advanced,
            held_bytes: 0,
            waits_for,
        }
    }
}

fn server(pki: &Pki, refuse: bool, now: Instant) -> Server<(), Echo> {
    let mut config = ServerConfig::new(pki.identity.clone());
    config.transport.datagrams_queued = 10;
    // The application doesn't accept it.
    config.early_data = true;
    Server::new(&config, Echo { refuse }, now).unwrap()
}

#[test]
fn an_application_that_takes_no_early_data_is_sent_none() {
    let now = Instant::now();
    let mut server = server(&Pki::new(), false, now);
    let mut quic = dial(&mut server, &[b"echo"], now);
    // The ticket.
    exchange(&mut server, &mut quic, now);
    let mut config = client_config(&[b"echo"]);
    config.enable_early_data();
    let id = quiche::ConnectionId::from_ref(&[8; 16]);
    let (local, to) = ("198.51.100.7:9".parse().unwrap(), server_addr());
    let mut again = quiche::connect(Some(NAME), &id, local, to, &mut config).unwrap();
    again.set_session(quic.session().unwrap()).unwrap();
    again.send(&mut [0; 1500]).unwrap();
    assert!(!again.is_in_early_data(), "nobody offered it");
}

/// A `Connection` and a `Server`, with a clock that stands still.
struct Pair {
    server: Server<(), Echo>,
    client: Connection<()>,
    now: Instant,
}

impl Pair {
    fn new(refuse: bool, protocol: &[u8]) -> Self {
        let (pki, now) = (Pki::new(), Instant::now());
        let server = server(&pki, refuse, now);
        let local = "198.51.100.7:9".parse().unwrap();
        let mut config = pki.client();
        config.transport.datagrams_queued = 10;
        let client = Connection::new(&config, &[protocol], local, server_addr(), (), now).unwrap();
        Self {
            server,
            client,
            now,
        }
    }

    /// Delivers all that both have to send, as a driver would.
    fn exchange(&mut self) {
        deliver(&mut self.client, &mut self.server, self.now);
        deliver(&mut self.server, &mut self.client, self.now);
    }

    fn establish(&mut self) {
        for _ in 0..10 {
            self.exchange();
        }
    }
}

fn deliver(
    from: &mut impl Endpoint<LinkPath = ()>,
    to: &mut impl Endpoint<LinkPath = ()>,
    now: Instant,
) {
    let mut datagram = [0; 1500];
    while let Some(sent) = from.poll_transmit(now, &mut datagram) {
        to.handle_datagram(now, &mut datagram[..sent.len], sent.from, sent.to, ());
    }
}

#[test]
fn a_protocol_of_ones_own_at_both_ends() {
    let mut pair = Pair::new(false, b"echo");
    pair.establish();
    assert!(pair.client.is_established() && !pair.client.is_over());
    assert_eq!(pair.client.quic().application_proto(), b"echo");
    let sent = content(50_000);
    let quic = pair.client.quic();
    let mut written = 0;
    quic.dgram_send(b"ping").unwrap();
    let (mut back, mut is_all, mut buf) = (Vec::new(), false, [0; 4096]);
    for _ in 0..100 {
        let quic = pair.client.quic();
        if written < sent.len() {
            written += quic.stream_send(0, &sent[written..], true).unwrap_or(0);
            pair.client.flush();
        }
        pair.exchange();
        let quic = pair.client.quic();
        while let Ok((len, fin)) = quic.stream_recv(0, &mut buf) {
            back.extend_from_slice(&buf[..len]);
            is_all |= fin;
        }
        if is_all {
            break;
        }
    }
    assert!(is_all && back == sent, "{} bytes", back.len());
    let len = pair.client.quic().dgram_recv(&mut buf).unwrap();
    assert_eq!(&buf[..len], b"ping");
    let stats = pair.client.stats();
    assert!(
        stats.bytes_in > 50_000 && stats.bytes_out > 50_000,
        "{stats:?}"
    );

    assert_eq!(pair.client.poll_end(), None);
    pair.client.close(3, b"done");
    pair.exchange();
    assert_eq!(pair.client.poll_end(), Some(ConnectionEnd::ByUs));
    assert_eq!(pair.client.poll_end(), None, "told once");
}

#[test]
fn flushing_sends_what_would_wait_with_an_acknowledgement() {
    let mut pair = Pair::new(false, b"echo");
    pair.establish();
    let mut datagram = [0; 1500];
    let mut writes = |pair: &mut Pair, stream: u64, flush: bool| {
        // Something to acknowledge, which may wait.
        let quic = pair.client.quic();
        quic.stream_send(stream, b"a", true).unwrap();
        pair.client.flush();
        pair.exchange();
        let quic = pair.client.quic();
        quic.stream_send(stream + 4, b"b", true).unwrap();
        if flush {
            pair.client.flush();
        }
        pair.client.poll_transmit(pair.now, &mut datagram).is_some()
    };
    assert!(!writes(&mut pair, 0, false) && pair.client.poll_timeout().is_some());
    assert!(writes(&mut pair, 8, true));
}

#[test]
fn a_connection_that_ends_says_whose_error_it_was() {
    let mut pair = Pair::new(true, b"echo");
    pair.establish();
    let refused = ConnectionEnd::ErrorByServer {
        layer: ErrorLayer::Application,
        code: 7,
        reason: "not today".to_owned(),
    };
    assert_eq!(pair.client.poll_end(), Some(refused.clone()));
    let text = "the server closed the connection with application error 0x7: \"not today\"";
    assert_eq!(refused.to_string(), text);

    let mut pair = Pair::new(false, b"other");
    pair.establish();
    let end = pair.client.poll_end();
    assert_eq!(end, Some(ConnectionEnd::TlsByServer { alert: 120 }));
    assert!(!pair.client.is_established() && pair.client.is_over());
    assert_eq!(pair.server.stats().connections.established, 0);
}

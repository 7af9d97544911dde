//! A protocol of one's own: streams and datagrams, without HTTP.

use std::time::Instant;

use xskit_quic::server::{Activity, Close, Peer, WaitsFor};
use xskit_quic::{Application, QuicConnection, Server, ServerConfig};

use super::raw::{client_config, dial, exchange};
use super::world::{NAME, Pki, content, server_addr};

/// Sends back what comes on a stream, and each datagram.
struct Echo {
    refuse: bool,
}

/// What could not be sent back yet, by stream, and whether its end came.
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

fn server(refuse: bool, now: Instant) -> Server<(), Echo> {
    let mut config = ServerConfig::new(Pki::new().identity);
    config.transport.datagrams_queued = 10;
    // Which it doesn't take.
    config.early_data = true;
    Server::new(&config, Echo { refuse }, now).unwrap()
}

#[test]
fn streams_and_datagrams_come_back() {
    let now = Instant::now();
    let mut server = server(false, now);
    let mut quic = dial(&mut server, &[b"echo"], now);
    let sent = content(50_000);
    assert_eq!(quic.stream_send(0, &sent, true), Ok(sent.len()));
    quic.dgram_send(b"ping").unwrap();
    let (mut back, mut is_all, mut buf) = (Vec::new(), false, [0; 4096]);
    for _ in 0..100 {
        exchange(&mut server, &mut quic, now);
        while let Ok((len, fin)) = quic.stream_recv(0, &mut buf) {
            back.extend_from_slice(&buf[..len]);
            is_all |= fin;
        }
        if is_all {
            break;
        }
    }
    assert!(is_all && back == sent, "{} bytes", back.len());
    let len = quic.dgram_recv(&mut buf).unwrap();
    assert_eq!(&buf[..len], b"ping");
    let mut config = client_config(&[b"echo"]);
    config.enable_early_data();
    let id = quiche::ConnectionId::from_ref(&[8; 16]);
    let (local, to) = ("198.51.100.7:9".parse().unwrap(), server_addr());
    let mut again = quiche::connect(Some(NAME), &id, local, to, &mut config).unwrap();
    again.set_session(quic.session().unwrap()).unwrap();
    again.send(&mut buf).unwrap();
    assert!(!again.is_in_early_data(), "nobody offered it");
}

#[test]
fn an_application_may_refuse_a_connection() {
    let now = Instant::now();
    let mut server = server(true, now);
    let mut quic = dial(&mut server, &[b"echo"], now);
    exchange(&mut server, &mut quic, now);
    let error = quic.peer_error().expect("closed");
    assert_eq!((error.is_app, error.error_code), (true, 7));
    assert_eq!(error.reason, b"not today");
}

#[test]
fn another_protocol_is_not_spoken() {
    let now = Instant::now();
    let mut server = server(false, now);
    let mut config = quiche::Config::new(quiche::PROTOCOL_VERSION).unwrap();
    config.verify_peer(false);
    config.set_application_protos(&[b"h3"]).unwrap();
    let id = quiche::ConnectionId::from_ref(&[8; 16]);
    let local = "198.51.100.7:9".parse().unwrap();
    let mut quic = quiche::connect(Some(NAME), &id, local, server_addr(), &mut config).unwrap();
    for _ in 0..10 {
        exchange(&mut server, &mut quic, now);
    }
    // no_application_protocol (RFC 9001, section 8.1).
    let error = quic.peer_error().expect("closed");
    assert_eq!((error.is_app, error.error_code), (false, 0x178));
}

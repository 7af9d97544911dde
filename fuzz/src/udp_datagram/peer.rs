//! A peer that completed the handshake honestly, by quiche itself, and disclosed its direction's
//! key.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use boring::pkey::PKey;
use boring::ssl::{SslContext, SslMethod};
use boring::x509::X509;
use quiche::{ConnectionId, RecvInfo};

use super::client::ClientParty;
use super::party::{Sent, frame, pki, server_addr};
use super::seal::{Keys, seal_short};
use super::server::ServerParty;

/// Datagrams there and back until the handshake must be done.
const ROUNDS: usize = 20;
/// The first packet number of forged packets: above all that the handshake used.
const FIRST_NUMBER: u32 = 1000;

/// The keys of one direction of an established connection.
pub(super) struct Peer {
    keys: Keys,
    /// The other end's connection id.
    dcid: Vec<u8>,
    number: u32,
}

impl Peer {
    /// Shakes hands with the server.
    pub(super) fn client(party: &mut ServerParty, local: SocketAddr) -> Self {
        let mut config = config(None);
        config.verify_peer(false);
        let id = ConnectionId::from_ref(&[0xc1; 8]);
        let quic = quiche::connect(Some("server.test"), &id, local, server_addr(), &mut config);
        let (mut quic, log) = logged(quic.expect("the configuration is sound"));
        for _ in 0..ROUNDS {
            for sent in drain(&mut quic) {
                party.take(frame(sent.from, sent.to, &sent.payload));
            }
            for answer in party.drain() {
                receive(&mut quic, answer);
            }
        }
        Self::established(&quic, &log, "CLIENT_TRAFFIC_SECRET_0")
    }

    /// Shakes hands with the client.
    pub(super) fn server(party: &mut ClientParty) -> Self {
        let (_, pem) = pki();
        let mut config = config(Some((&pem.certificate, &pem.key)));
        let mut first = party.drain().into_iter();
        let initial = first.next().expect("a client speaks first");
        let id = ConnectionId::from_ref(&[0x5e; 8]);
        let quic = quiche::accept(&id, None, initial.to, initial.from, &mut config);
        let (mut quic, log) = logged(quic.expect("the configuration is sound"));
        receive(&mut quic, initial);
        for sent in first {
            receive(&mut quic, sent);
        }
        for _ in 0..ROUNDS {
            for sent in drain(&mut quic) {
                party.take(sent.payload, sent.from);
            }
            for answer in party.drain() {
                receive(&mut quic, answer);
            }
        }
        Self::established(&quic, &log, "SERVER_TRAFFIC_SECRET_0")
    }

    fn established(quic: &quiche::Connection, log: &KeyLog, label: &str) -> Self {
        assert!(quic.is_established(), "an honest handshake failed");
        Self {
            keys: Keys::of_secret(&log.secret(label).expect("both secrets are known by now")),
            dcid: quic.destination_id().to_vec(),
            number: FIRST_NUMBER,
        }
    }

    /// The next packet, with these frames.
    pub(super) fn seal(&mut self, frames: &[u8]) -> Vec<u8> {
        self.number += 1;
        seal_short(&self.keys, &self.dcid, self.number, frames)
    }
}

/// The secrets of TLS, in the format of key logs.
#[derive(Clone, Default)]
struct KeyLog(Arc<Mutex<Vec<u8>>>);

impl io::Write for KeyLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl KeyLog {
    /// The third word of the line of this label, in hexadecimal.
    fn secret(&self, label: &str) -> Option<Vec<u8>> {
        let log = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let log = String::from_utf8(log).ok()?;
        let line = log
            .lines()
            .find(|line| line.split(' ').next() == Some(label))?;
        let hex = line.split(' ').nth(2)?;
        let digit = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
        (0..hex.len()).step_by(2).map(digit).collect()
    }
}

fn logged(mut quic: quiche::Connection) -> (quiche::Connection, KeyLog) {
    let log = KeyLog::default();
    quic.set_keylog(Box::new(log.clone()));
    (quic, log)
}

fn config(identity: Option<(&str, &str)>) -> quiche::Config {
    let mut tls = SslContext::builder(SslMethod::tls()).expect("a TLS context");
    if let Some((certificate, key)) = identity {
        let certificate = X509::from_pem(certificate.as_bytes()).expect("it was just made");
        let key = PKey::private_key_from_pem(key.as_bytes()).expect("it was just made");
        tls.set_certificate(&certificate)
            .expect("they belong together");
        tls.set_private_key(&key).expect("they belong together");
    }
    let config = quiche::Config::with_boring_ssl_ctx_builder(quiche::PROTOCOL_VERSION, tls);
    let mut config = config.expect("the version is known");
    config.log_keys();
    let protocols = quiche::h3::APPLICATION_PROTOCOL;
    config
        .set_application_protos(protocols)
        .expect("they are well-formed");
    config.set_initial_max_data(1 << 20);
    config.set_initial_max_stream_data_bidi_local(1 << 18);
    config.set_initial_max_stream_data_bidi_remote(1 << 18);
    config.set_initial_max_stream_data_uni(1 << 18);
    config.set_initial_max_streams_bidi(16);
    config.set_initial_max_streams_uni(16);
    config.set_active_connection_id_limit(4);
    config
}

fn drain(quic: &mut quiche::Connection) -> Vec<Sent> {
    let mut out = [0; 2048];
    let mut drained = Vec::new();
    while let Ok((len, info)) = quic.send(&mut out) {
        drained.push(Sent {
            from: info.from,
            to: info.to,
            payload: out[..len].to_vec(),
        });
    }
    drained
}

fn receive(quic: &mut quiche::Connection, mut sent: Sent) {
    let (from, to) = (sent.from, sent.to);
    let _ = quic.recv(&mut sent.payload, RecvInfo { from, to });
}

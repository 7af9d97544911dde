//! A server made of quiche's transport alone, which sends given bytes as its answer: for what our
//! own server never sends.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use xskit_quic::Endpoint;
use xskit_quic::cert::{self, Validity};
use xskit_quic::client::{ClientEvent, ConnectionEnd, RequestError, RequestId, Trust};
use xskit_quic::{Client, ClientConfig};

use super::world::{NAME, PATIENCE, server_addr};

/// What a client reported of one request.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) status: Option<u16>,
    pub(crate) body: Vec<u8>,
    pub(crate) finished: bool,
    pub(crate) failed: Option<RequestError>,
}

/// A client joined to such a server by a perfect wire.
pub(crate) struct Odd {
    pub(crate) client: Client<()>,
    pub(crate) quic: quiche::Connection,
    pub(crate) told: HashMap<RequestId, Told>,
    pub(crate) end: Option<ConnectionEnd>,
    next_stream: u64,
}

fn client_addr() -> SocketAddr {
    "198.51.100.7:9".parse().unwrap()
}

/// The configuration of a quiche server, without HTTP/3.
fn server_config() -> quiche::Config {
    let pem = cert::Authority::new()
        .unwrap()
        .issue(&[NAME.to_owned()], Validity::days(1))
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mut config = quiche::Config::new(quiche::PROTOCOL_VERSION).unwrap();
    config
        .load_cert_chain_from_pem_file(&path("cert", &pem.certificate))
        .unwrap();
    config
        .load_priv_key_from_pem_file(&path("key", &pem.key))
        .unwrap();
    config
        .set_application_protos(quiche::h3::APPLICATION_PROTOCOL)
        .unwrap();
    config.set_initial_max_data(1 << 20);
    config.set_initial_max_stream_data_bidi_remote(1 << 16);
    config.set_initial_max_stream_data_uni(1 << 16);
    config.set_initial_max_streams_bidi(100);
    config.set_initial_max_streams_uni(10);
    config
}

impl Odd {
    /// Both have finished the handshake.
    pub(crate) fn connect(
        change_client: impl FnOnce(&mut ClientConfig),
        change_server: impl FnOnce(&mut quiche::Config),
    ) -> Self {
        let mut config = ClientConfig::new(NAME, 4433, Trust::Anyone);
        // Nothing here waits, so no acknowledgement may.
        config.acks.every_datagrams = 1;
        change_client(&mut config);
        let client =
            Client::new(&config, client_addr(), server_addr(), (), Instant::now()).unwrap();
        let mut server = server_config();
        change_server(&mut server);
        let id = quiche::ConnectionId::from_ref(&[7; 16]);
        let quic = quiche::accept(&id, None, server_addr(), client_addr(), &mut server).unwrap();
        let mut odd = Self {
            client,
            quic,
            told: HashMap::new(),
            end: None,
            next_stream: 0,
        };
        while !odd.client.is_connected() {
            odd.exchange();
        }
        odd
    }

    /// Sends a request. Returns it, and the stream to answer on.
    pub(crate) fn get(&mut self, path: &str) -> (RequestId, u64) {
        let id = self.client.get(path, None);
        let stream = self.next_stream;
        self.next_stream += 4;
        self.exchange();
        let mut buf = [0; 4096];
        while self.quic.stream_recv(stream, &mut buf).is_ok() {}
        (id, stream)
    }

    /// Sends these bytes of a response and has the client process them.
    pub(crate) fn say(&mut self, stream: u64, bytes: &[u8], fin: bool) {
        assert_eq!(self.quic.stream_send(stream, bytes, fin), Ok(bytes.len()));
        self.exchange();
    }

    /// Lets timers run, the server alive but with nothing more to say, until the condition holds.
    pub(crate) fn wait(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            assert!(self.end.is_none(), "waiting for {what}: {:?}", self.end);
            assert!(begun.elapsed() < PATIENCE, "still waiting for: {what}");
            self.quic.send_ack_eliciting().unwrap();
            self.exchange();
            let due = self.client.poll_timeout().expect("a timer");
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            self.client.handle_timeout(Instant::now());
            self.quic.on_timeout();
            self.exchange();
        }
    }

    /// Each side sends what it has, and receives what the other sent, until nothing moves.
    pub(crate) fn exchange(&mut self) {
        let mut buf = [0; 2000];
        loop {
            let mut moved = false;
            let now = Instant::now();
            while let Some(sent) = self.client.poll_transmit(now, &mut buf) {
                let (from, to) = (sent.from, sent.to);
                // Fails once the connection is closing.
                let _ = self
                    .quic
                    .recv(&mut buf[..sent.len], quiche::RecvInfo { from, to });
                moved = true;
            }
            moved |= self.deliver();
            self.take_events();
            if !moved {
                return;
            }
        }
    }

    /// The client receives what the server has to send, and its application does nothing yet. True
    /// if there was any.
    pub(crate) fn deliver(&mut self) -> bool {
        let mut buf = [0; 2000];
        let mut any = false;
        while let Ok((len, info)) = self.quic.send(&mut buf) {
            let (from, to) = (info.from, info.to);
            self.client
                .handle_datagram(Instant::now(), &mut buf[..len], from, to, ());
            any = true;
        }
        any
    }

    /// As `xskit get` does: at a `Body` event, the body is read until there are no more bytes.
    fn take_events(&mut self) {
        while let Some(event) = self.client.poll_event() {
            match event {
                ClientEvent::Connected => {}
                ClientEvent::Response(id, head) => {
                    self.told.entry(id).or_default().status = Some(head.status);
                }
                ClientEvent::Body(id) => {
                    let mut buf = [0; 4096];
                    loop {
                        let len = self.client.read_body(id, &mut buf);
                        if len == 0 {
                            break;
                        }
                        let told = self.told.entry(id).or_default();
                        told.body.extend_from_slice(&buf[..len]);
                    }
                }
                ClientEvent::Finished(id) => self.told.entry(id).or_default().finished = true,
                ClientEvent::Failed(id, error) => {
                    self.told.entry(id).or_default().failed = Some(error);
                }
                ClientEvent::Closed(end) => self.end = Some(end),
                _ => {}
            }
        }
    }
}

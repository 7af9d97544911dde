//! A client made of quiche's parts, for what our own client never does.

use std::collections::HashMap;
use std::thread;
use std::time::Instant;

use quiche::h3::{self, NameValue};
use xskit_quic::Endpoint;
use xskit_quic::{Application, Files, Http, Server};

use super::world::{NAME, Site, server_addr};

/// A quiche client joined to a server by a perfect wire.
pub(crate) struct Raw<A: Application = Http<Files>> {
    pub(crate) server: Server<(), A>,
    pub(crate) quic: quiche::Connection,
    pub(crate) h3: h3::Connection,
    /// The server's own clock, which stands still.
    pub(crate) now: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// All header sections, interim ones and trailers included.
    pub(crate) sections: Vec<HashMap<String, String>>,
    /// Those of the final response.
    pub(crate) fields: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
    pub(crate) finished: bool,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

impl Raw {
    pub(crate) fn connect(config: &Site) -> Self {
        let now = Instant::now();
        Self::join(config.serve(now), now)
    }
}

impl<A: Application> Raw<A> {
    /// `now` is the server's clock.
    pub(crate) fn join(mut server: Server<(), A>, now: Instant) -> Self {
        let mut quic = dial(&mut server, h3::APPLICATION_PROTOCOL, now);
        let h3_config = h3::Config::new().unwrap();
        let h3 = h3::Connection::with_transport(&mut quic, &h3_config).unwrap();
        Self {
            server,
            quic,
            h3,
            now,
        }
    }

    pub(crate) fn ask(&mut self, fields: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        let stream = self.send(fields, body.is_none());
        if let Some(body) = body {
            self.h3
                .send_body(&mut self.quic, stream, body, false)
                .unwrap();
        }
        self.finish(stream)
    }

    /// Exchanges until the response on this stream is complete.
    pub(crate) fn finish(&mut self, stream: u64) -> Answer {
        let mut answer = Answer::default();
        for _ in 0..1000 {
            self.exchange();
            self.take_events(stream, &mut answer);
            if answer.finished {
                return answer;
            }
        }
        panic!("no answer: {answer:?}, {:?}", self.quic.peer_error());
    }

    /// Sends the header of a request; with `fin`, that is all of it.
    pub(crate) fn send(&mut self, fields: &[(&str, &str)], fin: bool) -> u64 {
        let headers = headers(fields);
        self.h3.send_request(&mut self.quic, &headers, fin).unwrap()
    }

    /// Each side sends what it has, and receives what the other sent.
    pub(crate) fn exchange(&mut self) {
        exchange(&mut self.server, &mut self.quic, self.now);
    }

    /// Runs the server to its end after `close_all`. What it sends meanwhile is lost.
    pub(crate) fn wait_for_the_end(&mut self) {
        while !self.server.is_drained() {
            while self
                .server
                .poll_transmit(self.now, &mut [0; 2000])
                .is_some()
            {}
            if let Some(at) = self.server.poll_timeout() {
                thread::sleep(at.saturating_duration_since(Instant::now()));
                self.now = self.now.max(at);
            }
            self.server.handle_timeout(self.now);
        }
    }

    /// Takes the events of this stream.
    pub(crate) fn take_events(&mut self, stream: u64, answer: &mut Answer) {
        while let Ok((on, event)) = self.h3.poll(&mut self.quic) {
            if event == h3::Event::GoAway {
                continue;
            }
            assert_eq!(on, stream);
            match event {
                h3::Event::Headers { list, .. } => {
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    let section: HashMap<_, _> = list
                        .iter()
                        .map(|h| (text(h.name()), text(h.value())))
                        .collect();
                    if section.contains_key(":status") {
                        answer.fields = section.clone();
                    }
                    answer.sections.push(section);
                }
                h3::Event::Data => {
                    let mut buf = [0; 4096];
                    while let Ok(len) = self.h3.recv_body(&mut self.quic, stream, &mut buf) {
                        answer.body.extend_from_slice(&buf[..len]);
                    }
                }
                h3::Event::Finished => answer.finished = true,
                other => panic!("{other:?}"),
            }
        }
    }
}

/// The configuration of a quiche client.
pub(crate) fn client_config(protocols: &[&[u8]]) -> quiche::Config {
    let mut client = quiche::Config::new(quiche::PROTOCOL_VERSION).unwrap();
    client.verify_peer(false);
    client.set_application_protos(protocols).unwrap();
    client.set_initial_congestion_window_packets(50);
    client.set_initial_max_data(10 << 20);
    client.set_initial_max_stream_data_bidi_local(100_000);
    client.set_initial_max_stream_data_uni(1 << 20);
    client.set_initial_max_streams_uni(10);
    client.set_initial_max_streams_bidi(10);
    client.enable_dgram(true, 10, 10);
    client
}

/// A quiche client whose handshake with this server is done.
pub(crate) fn dial<A: Application>(
    server: &mut Server<(), A>,
    protocols: &[&[u8]],
    now: Instant,
) -> quiche::Connection {
    let mut client = client_config(protocols);
    let id = quiche::ConnectionId::from_ref(&[9; 16]);
    let local = "198.51.100.7:9".parse().unwrap();
    let mut quic = quiche::connect(Some(NAME), &id, local, server_addr(), &mut client).unwrap();
    while !quic.is_established() {
        exchange(server, &mut quic, now);
    }
    quic
}

/// Each side sends what it has, and receives what the other sent.
pub(crate) fn exchange<A: Application>(
    server: &mut Server<(), A>,
    quic: &mut quiche::Connection,
    now: Instant,
) {
    let mut buf = [0; 2000];
    let client = "198.51.100.7:9".parse().unwrap();
    while let Ok((len, _)) = quic.send(&mut buf) {
        server.handle_datagram(now, &mut buf[..len], client, server_addr(), ());
    }
    while let Some(sent) = server.poll_transmit(now, &mut buf) {
        let info = quiche::RecvInfo {
            from: sent.from,
            to: sent.to,
        };
        quic.recv(&mut buf[..sent.len], info).unwrap();
    }
}

pub(crate) fn headers(fields: &[(&str, &str)]) -> Vec<h3::Header> {
    let header = |(n, v): &(&str, &str)| h3::Header::new(n.as_bytes(), v.as_bytes());
    fields.iter().map(header).collect()
}

pub(crate) fn request<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        (":method", method),
        (":scheme", "https"),
        (":authority", NAME),
        (":path", path),
    ]
}

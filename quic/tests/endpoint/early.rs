//! Early data (0-RTT): what is answered before the handshake is done, and that a replay is not.

use std::time::Duration;

use quiche::h3::{self, NameValue};
use xskit_quic::Endpoint;
use xskit_quic::ServerConfig;
use xskit_quic::server::ServerStats;

use super::raw::{headers, request};
use super::workers::{Client, Team};
use super::world::{content, server_addr};

/// Types of long headers, with the fixed bits.
const INITIAL: u8 = 0xc0;
const ZERO_RTT: u8 = 0xd0;

/// The longest wait before the client is asked whether it has something to do.
const STEP: Duration = Duration::from_millis(20);

/// What a client sends before it has heard from the server.
struct Flight {
    client: Client,
    http: h3::Connection,
    datagrams: Vec<Vec<u8>>,
}

impl Flight {
    /// A request of a client that comes back with a ticket.
    fn new(port: u16, ticket: &[u8], fields: &[(&str, &str)], body: &[u8]) -> Self {
        let mut client = Client::new(port);
        client.quic.set_session(ticket).unwrap();
        let mut datagrams = vec![client.next_datagram().unwrap()];
        assert!(client.quic.is_in_early_data());
        let config = h3::Config::new().unwrap();
        let mut http = h3::Connection::with_transport(&mut client.quic, &config).unwrap();
        ask(&mut client, &mut http, fields, body);
        datagrams.extend(std::iter::from_fn(|| client.next_datagram()));
        assert!(datagrams.len() > 1);
        Self {
            client,
            http,
            datagrams,
        }
    }

    /// Delivers the flight to a worker, from this port. Returns how many bytes came and how many
    /// were sent in answer. The client gets the answers if the port is its own.
    fn arrive(&mut self, team: &mut Team, at: usize, port: u16) -> (usize, usize) {
        let mut from = self.client.address;
        from.set_port(port);
        let (mut received, mut answered) = (0, 0);
        for datagram in &self.datagrams {
            received += datagram.len();
            let server = &mut team.servers[at];
            server.handle_datagram(team.now, &mut datagram.clone(), from, server_addr(), ());
        }
        let mut buf = [0; 2000];
        while let Some(sent) = team.servers[at].poll_transmit(team.now, &mut buf) {
            assert_eq!(sent.to, from);
            answered += sent.len;
            if from == self.client.address {
                let (from, to) = (sent.from, sent.to);
                let info = quiche::RecvInfo { from, to };
                self.client.quic.recv(&mut buf[..sent.len], info).unwrap();
            }
        }
        (received, answered)
    }

    /// Continues the handshake until there is an answer. Returns its status and body.
    fn finish(&mut self, team: &mut Team, at: usize) -> (String, Vec<u8>) {
        let (mut status, mut body) = (String::new(), Vec::new());
        for _ in 0..1000 {
            team.exchange(&mut self.client, || at);
            while let Ok((stream, event)) = self.http.poll(&mut self.client.quic) {
                match event {
                    h3::Event::Headers { list, .. } => {
                        let found = list.iter().find(|it| it.name() == b":status").unwrap();
                        status = String::from_utf8(found.value().to_vec()).unwrap();
                    }
                    h3::Event::Data => {
                        let mut buf = [0; 4096];
                        let quic = &mut self.client.quic;
                        while let Ok(len) = self.http.recv_body(quic, stream, &mut buf) {
                            body.extend_from_slice(&buf[..len]);
                        }
                    }
                    h3::Event::Finished => return (status, body),
                    _ => {}
                }
            }
            // What was sent before a Retry must first be declared lost.
            std::thread::sleep(self.client.quic.timeout().unwrap_or_default().min(STEP));
            self.client.quic.on_timeout();
        }
        panic!("no answer: {:?}", team.stats());
    }
}

fn ask(client: &mut Client, http: &mut h3::Connection, fields: &[(&str, &str)], body: &[u8]) {
    let quic = &mut client.quic;
    let headers = headers(fields);
    let stream = http.send_request(quic, &headers, body.is_empty()).unwrap();
    if !body.is_empty() {
        http.send_body(quic, stream, body, true).unwrap();
    }
}

/// A team that accepts early data, and a client's ticket of it.
fn team(count: usize) -> (Team, Vec<u8>) {
    ticketed(count, |_| {}, |_, _| {})
}

/// The same with a changed configuration: `change` is for all workers, `vary` for each.
fn ticketed(
    count: usize,
    change: impl Fn(&mut ServerConfig),
    vary: impl Fn(u8, &mut ServerConfig),
) -> (Team, Vec<u8>) {
    let change = |config: &mut ServerConfig| {
        config.early_data = true;
        change(config);
    };
    let mut team = Team::of_different(count, change, vary);
    let client = team.connect(9, 0);
    let ticket = client.quic.session().unwrap().to_vec();
    (team, ticket)
}

/// The packets with a long header at the beginning of a datagram, each with the unprotected bits of
/// its first byte.
fn packets(mut datagram: &[u8]) -> Vec<(u8, &[u8])> {
    let varint = |bytes: &[u8]| -> (usize, usize) {
        let len = 1 << (bytes[0] >> 6);
        let rest = bytes[1..len].iter();
        let value = rest.fold(usize::from(bytes[0] & 0x3f), |it, byte| {
            it << 8 | usize::from(*byte)
        });
        (value, len)
    };
    let mut found = Vec::new();
    while datagram.first().is_some_and(|first| first & 0x80 != 0) {
        let kind = datagram[0] & 0xf0;
        let mut at = 6 + usize::from(datagram[5]);
        at += 1 + usize::from(datagram[at]);
        if kind == INITIAL {
            let (token, len) = varint(&datagram[at..]);
            at += len + token;
        }
        let (payload, len) = varint(&datagram[at..]);
        let (packet, rest) = datagram.split_at(at + len + payload);
        found.push((kind, packet));
        datagram = rest;
    }
    found
}

fn requests(team: &Team, at: usize) -> u64 {
    team.servers[at].application().counters().requests
}

fn early(stats: &ServerStats) -> (u64, u64) {
    (stats.connections.early, stats.connections.early_held)
}

#[test]
fn a_safe_request_is_answered_before_the_handshake_is_done() {
    let (mut team, ticket) = team(1);
    let mut flight = Flight::new(10, &ticket, &request("GET", "/1"), b"");
    flight.arrive(&mut team, 0, 10);
    assert_eq!(requests(&team, 0), 1);
    let stats = team.stats();
    assert_eq!((early(&stats), stats.connections.half_open), ((1, 0), 1));
    let answer = flight.finish(&mut team, 0);
    assert_eq!(answer, ("200".to_owned(), content(1)));
    assert_eq!((requests(&team, 0), early(&team.stats())), (1, (1, 0)));
}

#[test]
fn who_does_not_ask_for_early_data_gets_none() {
    let (_, ticket) = ticketed(1, |config| config.early_data = false, |_, _| {});
    let mut client = Client::new(10);
    client.quic.set_session(&ticket).unwrap();
    client.next_datagram().unwrap();
    assert!(!client.quic.is_in_early_data());
}

#[test]
fn a_request_that_is_not_safe_has_to_wait() {
    for (method, expected) in [("POST", "425"), ("DELETE", "425"), ("OPTIONS", "405")] {
        let (mut team, ticket) = team(1);
        let body: &[u8] = if method == "POST" { b"x" } else { b"" };
        let mut flight = Flight::new(10, &ticket, &request(method, "/1"), body);
        flight.arrive(&mut team, 0, 10);
        let (status, _) = flight.finish(&mut team, 0);
        assert_eq!(status, expected, "{method}");
        // After the handshake, the handler gets it.
        assert!(flight.client.quic.is_established());
        ask(
            &mut flight.client,
            &mut flight.http,
            &request(method, "/1"),
            body,
        );
        let (status, _) = flight.finish(&mut team, 0);
        assert_ne!(status, "425", "{method}");
    }
}

#[test]
fn what_is_sent_again_is_not_answered_again_by_any_worker() {
    let (mut team, ticket) = team(2);
    let mut flight = Flight::new(10, &ticket, &request("GET", "/1"), b"");
    flight.arrive(&mut team, 0, 10);
    flight.arrive(&mut team, 0, 10);
    flight.arrive(&mut team, 1, 66);
    assert_eq!((requests(&team, 0), requests(&team, 1)), (1, 0));
    let stats = team.stats();
    // The copy was decrypted as early data, and held.
    assert_eq!((stats.connections.accepted, early(&stats)), (3, (1, 1)));
    // A copy arrived first, so the client's own request is held until the handshake is done, and
    // answered then.
    let mut flight = Flight::new(11, &ticket, &request("GET", "/1"), b"");
    flight.arrive(&mut team, 1, 66);
    assert_eq!(requests(&team, 1), 1);
    flight.arrive(&mut team, 0, 11);
    assert_eq!(requests(&team, 0), 1);
    let answer = flight.finish(&mut team, 0);
    assert_eq!(answer, ("200".to_owned(), content(1)));
}

/// The client's packets name its first choice of an id before a Retry, and another one after it.
#[test]
fn a_retry_makes_no_second_answer() {
    let (mut team, ticket) = ticketed(
        2,
        |_| {},
        |worker, config| {
            if worker == 0 {
                config.retry_above_half_open = 0;
            }
        },
    );
    let mut flight = Flight::new(10, &ticket, &request("GET", "/1"), b"");
    let before = team.stats().answered.retry;
    flight.arrive(&mut team, 0, 10);
    assert!(requests(&team, 0) == 0 && team.stats().answered.retry > before);
    let answer = flight.finish(&mut team, 0);
    assert_eq!(answer, ("200".to_owned(), content(1)));
    assert_eq!((requests(&team, 0), early(&team.stats())), (1, (1, 0)));
    // What was sent before the Retry, to a worker that asks for none.
    flight.arrive(&mut team, 1, 66);
    assert_eq!(requests(&team, 1), 0);
    assert_eq!(early(&team.servers[1].stats()), (0, 1));
}

#[test]
fn an_early_answer_is_no_more_than_three_times_what_came() {
    let (mut team, ticket) = ticketed(1, |config| config.max_connections_per_host = 2, |_, _| {});
    let mut flight = Flight::new(10, &ticket, &request("GET", "/300000"), b"");
    let (received, answered) = flight.arrive(&mut team, 0, 66);
    assert_eq!(requests(&team, 0), 1);
    assert!(answered > received, "{answered}");
    assert!(answered <= 3 * received, "{answered} for {received}");
    // Packets with early data are authentic, but prove no address, so the host has room for
    // another.
    let mut flight = Flight::new(11, &ticket, &request("GET", "/1"), b"");
    flight.arrive(&mut team, 0, 11);
    assert_eq!((requests(&team, 0), team.stats().answered.retry), (2, 0));
}

/// Early data names the id that it was written for. An attacker who has recorded it can make an
/// Initial packet for any id, and send both in one datagram.
#[test]
fn early_data_for_another_id_reaches_nobody() {
    // The second worker doesn't accept early data.
    let (mut team, ticket) = ticketed(
        2,
        |_| {},
        |worker, config| {
            config.early_data = worker == 0;
        },
    );
    let mut client = Client::new(10);
    client.quic.set_session(&ticket).unwrap();
    let hello: Vec<_> = std::iter::from_fn(|| client.next_datagram()).collect();
    let (now, from) = (team.now, client.address);
    for datagram in &hello {
        let mut datagram = datagram.clone();
        team.servers[1].handle_datagram(now, &mut datagram, from, server_addr(), ());
    }
    let mut buf = [0; 2000];
    let sent = team.servers[1].poll_transmit(team.now, &mut buf).unwrap();
    // The client learns the server's id, and nothing more.
    let (kind, initial) = packets(&buf[..sent.len])[0];
    assert_eq!(kind, INITIAL);
    let info = quiche::RecvInfo {
        from: sent.from,
        to: sent.to,
    };
    client.quic.recv(&mut initial.to_vec(), info).unwrap();
    let config = h3::Config::new().unwrap();
    let mut http = h3::Connection::with_transport(&mut client.quic, &config).unwrap();
    ask(&mut client, &mut http, &request("GET", "/1"), b"");
    let second = client.next_datagram().unwrap();
    let early_data = packets(&second).into_iter();
    let early_data = early_data.filter(|(kind, _)| *kind == ZERO_RTT);
    let early_data: Vec<_> = early_data.map(|(_, packet)| packet).collect();
    let (last, before) = hello.split_last().unwrap();
    let (_, initial) = packets(last)[0];
    assert_ne!(initial[5..14], early_data[0][5..14], "another id");
    let mut forged = [initial, &early_data.concat()].concat();
    forged.resize(1200.max(forged.len()), 0);
    for mut datagram in before.iter().cloned().chain([forged]) {
        team.servers[0].handle_datagram(now, &mut datagram, from, server_addr(), ());
    }
    while team.servers[0].poll_transmit(now, &mut buf).is_some() {}
    assert_eq!((requests(&team, 0), early(&team.stats())), (0, (1, 0)));
}

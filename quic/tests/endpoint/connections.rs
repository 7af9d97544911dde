//! Many connections as one endpoint: which one gets a datagram, which one sends, and which have
//! news.

mod many;

use std::collections::HashMap;
use std::time::Instant;

use fastrand::Rng;
use xskit_quic::client::{ClientEvent, Connection, ConnectionEnd, RequestBody};
use xskit_quic::{Client, Endpoint};

use super::world::{Packet, Pki, Site, content, random_bytes};
use many::{Many, connected, local, server_at};

const LEN: usize = 20_000;
/// Datagrams per turn.
const TURN: usize = 16;

#[test]
fn two_hundred_clients_fetch_as_one_endpoint() {
    const COUNT: usize = 200;
    let mut site = Site::new(&[LEN]);
    // Most get a Retry.
    site.retry_above_half_open = 10;
    let mut many = Many::new(&[&site]);
    many.lost = 10;
    for number in 0..COUNT {
        let key = many.connect(&site.client(), number, 1);
        let client = many.clients.get_mut(key).unwrap();
        client.get(&format!("/{LEN}"), None);
    }
    assert_eq!(many.clients.len(), COUNT);
    let (mut bodies, mut complete) = (HashMap::new(), 0);
    many.run("all bodies", |many| {
        complete += many.collect(&mut bodies);
        complete == COUNT
    });
    assert!(many.servers[0].1.stats().answered.retry > 100);
    let body = content(LEN);
    assert!(bodies.len() == COUNT && bodies.values().all(|it| *it == body));
    assert_eq!(many.clients.unclaimed(), 0);

    many.lost = 0;
    let keys: Vec<_> = many.clients.iter().map(|(key, _)| key).collect();
    for key in keys {
        many.clients.get_mut(key).unwrap().close(Instant::now());
    }
    let mut ends = HashMap::new();
    many.run("all are over", |many| {
        ends.extend(many.ends());
        many.clients.is_empty()
    });
    assert_eq!(ends.len(), COUNT);
    assert!(ends.values().all(|end| *end == ConnectionEnd::ByUs));
    assert_eq!(many.clients.poll_timeout(), None);
}

#[test]
fn what_names_nobody_reaches_nobody() {
    let (_site, mut many, _) = connected(&[], 20);
    let before = (many.datagrams_in(), many.clients.unclaimed());
    let mut rng = Rng::with_seed(11);
    let count = 20_000;
    for number in 0..count {
        let len = rng.usize(..1500);
        let mut bytes = random_bytes(&mut rng, len);
        // A short header, version 1 with an id like ours, Version Negotiation, and noise.
        let begin: &[u8] = match number % 4 {
            0 => &[0x5a],
            1 => &[0xc3, 0, 0, 0, 1, 8],
            2 => &[0x80, 0, 0, 0, 0, 8],
            _ => &[],
        };
        let shared = begin.len().min(len);
        bytes[..shared].copy_from_slice(&begin[..shared]);
        let from = server_at(1 + u8::from(rng.usize(..4) == 0));
        let to = local(rng.usize(..20));
        many.deliver(Packet { bytes, from, to });
    }
    assert_eq!(many.datagrams_in(), before.0);
    assert_eq!(many.clients.unclaimed(), before.1 + count);
    assert_eq!(many.ready(), []);
    assert!(
        many.clients
            .poll_transmit(Instant::now(), &mut [0; 2000])
            .is_none()
    );
}

#[test]
fn a_stateless_reset_ends_its_connection_alone() {
    let site = Site::new(&[LEN]);
    let mut many = Many::new(&[&site, &site]);
    let mut keys = many.connect_all(&site.client(), 10);
    keys.push(many.connect(&site.client(), 10, 2));
    many.run("the other server", |many| {
        many.clients.iter().all(|(_, client)| client.is_connected())
    });
    // A connection that is inserted when its token is known already.
    let old = many.clients.remove(keys[3]).unwrap();
    let speaker = many.clients.insert(old);
    many.settle();
    // The server has lost all connections, and resets the one that sends.
    many.servers[0].1 = site.serve(Instant::now());
    many.clients.get_mut(speaker).unwrap().get("/", None);
    let mut out = [0; 2000];
    let sent = many
        .clients
        .poll_transmit(Instant::now(), &mut out)
        .unwrap();
    many.put(&out[..sent.len], sent.from, sent.to);
    let packet = many.wire.pop_front().unwrap();
    many.deliver(packet);
    let sent = many.servers[0]
        .1
        .poll_transmit(Instant::now(), &mut out)
        .unwrap();
    let reset = |from| Packet {
        bytes: out[..sent.len].to_vec(),
        from,
        to: sent.to,
    };
    assert_eq!(many.servers[0].1.stats().answered.reset, 1);
    let before = many.datagrams_in();
    // Another server can't know the token.
    many.deliver(reset(server_at(2)));
    assert_eq!((many.datagrams_in(), many.clients.unclaimed()), (before, 1));
    many.deliver(reset(server_at(1)));
    assert_eq!(
        (many.datagrams_in(), many.clients.unclaimed()),
        (before + 1, 1)
    );
    assert_eq!(many.ready(), [speaker]);
    many.exchange();
    assert_eq!(
        many.ends(),
        HashMap::from([(speaker, ConnectionEnd::Reset)])
    );
    assert_eq!(many.clients.len(), 10);
    assert!(many.clients.iter().all(|(_, client)| !client.is_over()));
    // The token belongs to no connection any more.
    many.deliver(reset(server_at(1)));
    assert_eq!(many.clients.unclaimed(), 2);
}

#[test]
fn version_negotiation_reaches_whom_it_is_for() {
    let pki = Pki::new();
    let mut many = Many::new(&[]);
    let keys: Vec<_> = (0..3)
        .map(|number| many.connect(&pki.client(), number, 1))
        .collect();
    let mut out = [0; 2000];
    let now = Instant::now();
    let mut initials = Vec::new();
    while let Some(sent) = many.clients.poll_transmit(now, &mut out) {
        initials.push((out[..sent.len].to_vec(), sent.from));
    }
    let (initial, to) = &initials[1];
    let (dcid, rest) = initial[6..].split_at(usize::from(initial[5]));
    let scid = &rest[1..][..usize::from(rest[0])];
    let mut bytes = vec![0x80, 0, 0, 0, 0];
    for id in [scid, dcid] {
        bytes.push(u8::try_from(id.len()).unwrap());
        bytes.extend(id);
    }
    bytes.extend(0x1a2a_3a4a_u32.to_be_bytes());
    many.deliver(Packet {
        bytes,
        from: server_at(1),
        to: *to,
    });
    many.exchange();
    let ends = many.ends();
    assert_eq!(ends.len(), 1, "{ends:?}");
    let (key, end) = ends.into_iter().next().unwrap();
    assert!(
        keys.contains(&key) && end == ConnectionEnd::Version,
        "{end:?}"
    );
    assert_eq!(many.clients.len(), 2);
}

#[test]
fn nobody_sends_more_than_a_turn_while_others_wait() {
    const COUNT: usize = 12;
    let site = Site::new(&[]);
    let mut many = Many::new(&[&site]);
    let mut keys = Vec::new();
    for number in 0..COUNT {
        // Each has its own port, which identifies it on the wire.
        keys.push(many.connect(&site.client(), 2 * number, 1));
    }
    many.run("all connected", |many| {
        many.clients.iter().all(|(_, client)| client.is_connected())
    });
    many.settle();
    for key in &keys {
        let client = many.clients.get_mut(*key).unwrap();
        let body = RequestBody::from(vec![7; 1 << 20]);
        client.request("PUT", "/x", &[], body).unwrap();
    }
    let mut out = [0; 2000];
    let now = Instant::now();
    let mut senders = Vec::new();
    while let Some(sent) = many.clients.poll_transmit(now, &mut out) {
        senders.push(sent.from);
    }
    let turns: Vec<_> = senders.chunk_by(|one, other| one == other).collect();
    assert!(turns.len() >= 2 * COUNT, "{}", turns.len());
    assert!(turns.iter().all(|turn| turn.len() <= TURN));
    let mut first: Vec<_> = senders[..COUNT * TURN].to_vec();
    first.sort();
    first.dedup();
    assert_eq!(first.len(), COUNT, "all have had a turn");
}

#[test]
fn only_those_with_news_are_looked_at() {
    let (_site, mut many, keys) = connected(&[LEN], 50);
    let sent = |many: &Many<Client<()>>| -> HashMap<_, _> {
        let clients = many.clients.iter();
        clients.map(|(key, it)| (key, it.stats())).collect()
    };
    let before = sent(&many);
    many.clients
        .get_mut(keys[7])
        .unwrap()
        .get(&format!("/{LEN}"), None);
    let (mut bodies, mut complete) = (HashMap::new(), 0);
    while complete == 0 {
        assert!(many.exchange());
        // The other connections would send only by their timers, which are not run here.
        complete += many.collect(&mut bodies);
    }
    assert_eq!(bodies, HashMap::from([(keys[7], content(LEN))]));
    for (key, stats) in sent(&many) {
        assert_eq!(stats == before[&key], key != keys[7]);
    }
}

#[test]
fn what_sending_brings_is_news() {
    let (_site, mut many, keys) = connected(&[], 3);
    let client = many.clients.get_mut(keys[2]).unwrap();
    let body = RequestBody::Stream;
    let id = client.request("PUT", "/x", &[], body).unwrap();
    assert!(client.write_body(id, vec![7; 1000]));
    assert_eq!(many.ready(), []);
    let mut out = [0; 2000];
    let now = Instant::now();
    while many.clients.poll_transmit(now, &mut out).is_some() {}
    // No datagram has come.
    let (key, client) = many.clients.poll_ready().unwrap();
    let event = client.poll_event();
    assert!(matches!(event, Some(ClientEvent::Room(room)) if room == id));
    assert_eq!((key, many.ready()), (keys[2], vec![]));
}

#[test]
fn a_key_names_one_connection_for_good() {
    let (site, mut many, keys) = connected(&[LEN], 4);
    // Its places in all queues are removed, too.
    many.clients.get_mut(keys[1]).unwrap().close(Instant::now());
    many.exchange();
    let unclaimed = many.clients.unclaimed();
    let removed = many.clients.remove(keys[1]).unwrap();
    assert!(removed.is_over());
    assert!(many.clients.remove(keys[1]).is_none());
    let new = many.connect(&site.client(), 1, 1);
    assert!(many.clients.poll_over().is_none());
    assert!(new != keys[1] && many.clients.get(keys[1]).is_none());
    assert!(many.clients.get_mut(keys[1]).is_none());
    assert_eq!(many.ready(), [new]);
    many.run("connected", |many| {
        many.clients.get(new).unwrap().is_connected()
    });
    // A removed connection continues where it is inserted.
    let moved = many.clients.remove(keys[2]).unwrap();
    assert!(!moved.is_over());
    let moved = many.clients.insert(moved);
    let client = many.clients.get_mut(moved).unwrap();
    client.get(&format!("/{LEN}"), None);
    let mut bodies = HashMap::new();
    many.run("an answer", |many| many.collect(&mut bodies) == 1);
    assert_eq!(bodies.keys().collect::<Vec<_>>(), [&moved]);
    assert_eq!(many.clients.unclaimed(), unclaimed);
}

#[test]
fn connections_of_any_protocol_are_kept() {
    let site = Site::new(&[]);
    let mut many = Many::new(&[&site]);
    let (config, now) = (site.client(), Instant::now());
    for number in 0..5 {
        let protocols: &[&[u8]] = &[b"h3"];
        let (local, peer) = (local(number), server_at(1));
        let connection = Connection::new(&config, protocols, local, peer, (), now);
        many.clients.insert(connection.unwrap());
    }
    let mut established = 0;
    many.run("all established", |many| {
        while let Some((_, connection)) = many.clients.poll_ready() {
            if connection.is_established() && !connection.is_over() {
                established += 1;
                connection.close(7, b"");
            }
        }
        many.clients.is_empty() || many.clients.iter().all(|(_, it)| it.is_over())
    });
    many.exchange();
    assert_eq!(established, 5);
    let mut ends = 0;
    while let Some((_, mut connection)) = many.clients.poll_over() {
        assert_eq!(connection.poll_end(), Some(ConnectionEnd::ByUs));
        ends += 1;
    }
    assert_eq!((ends, many.clients.len()), (5, 0));
    // Each has sent CONNECTION_CLOSE.
    many.run("the server has forgotten all", |many| {
        many.servers[0].1.stats().connections.active == 0
    });
    assert_eq!(many.servers[0].1.stats().connections.idle_timeouts, 0);
}

#[test]
fn an_unreachable_server_ends_its_connection_alone() {
    let (site, mut many, _) = connected(&[], 3);
    let mut config = site.client();
    config.handshake_timeout = std::time::Duration::from_millis(300);
    // There is no server at a client's address.
    let (local, nowhere) = (local(9), local(999));
    let client = Client::new(&config, local, nowhere, (), Instant::now());
    let absent = many.clients.insert(client.unwrap());
    let mut ends = HashMap::new();
    many.run("the end", |many| {
        ends.extend(many.ends());
        !ends.is_empty()
    });
    let end = ends.remove(&absent);
    assert!(
        matches!(end, Some(ConnectionEnd::Unreachable { .. })),
        "{end:?}"
    );
    assert!(ends.is_empty() && many.clients.len() == 3);
}

//! Stateless resets: which packets get one, their size and rate, and how a client reacts.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use xskit_quic::Endpoint;
use xskit_quic::FileServer;
use xskit_quic::client::ConnectionEnd;
use xskit_quic::server::{ConnectionIdFormat, QuicLb, RandomIds, ServerStats};

use super::raw::Raw;
use super::world::{Pki, Site, World, random_bytes, server_addr, serving};

/// The token at the end of a reset.
const TOKEN_BYTES: usize = 16;
/// The smallest reset: one byte less than the smallest packet that gets one.
const LEAST: usize = 21;

fn stranger() -> SocketAddr {
    "203.0.113.66:30000".parse().unwrap()
}

fn server(site: &Site) -> FileServer<()> {
    site.serve(Instant::now())
}

/// A packet that looks like one of a connection, for an id that repeats this byte.
fn short(id: u8, len: usize) -> Vec<u8> {
    let mut packet = vec![0x5a; len];
    packet[1..9].fill(id);
    packet
}

/// The server's answer to a datagram, if any.
fn answer(server: &mut FileServer<()>, now: Instant, datagram: &[u8]) -> Option<Vec<u8>> {
    let mut datagram = datagram.to_vec();
    server.handle_datagram(now, &mut datagram, stranger(), server_addr(), ());
    let mut out = [0; 2000];
    let sent = server.poll_transmit(now, &mut out)?;
    assert_eq!((sent.from, sent.to), (server_addr(), stranger()));
    assert!(server.poll_transmit(now, &mut [0; 2000]).is_none());
    Some(out[..sent.len].to_vec())
}

fn check(stats: &ServerStats) {
    let sum = stats.delivered + stats.answered.total() + stats.dropped.total();
    assert_eq!(stats.datagrams_in, sum, "{stats:?}");
}

/// Begins a download, and has another server take the place of the first.
fn restart(same_key: bool, idle: Duration, format: Arc<dyn ConnectionIdFormat>) -> (World, usize) {
    let mut site = Site::new(&[4 << 20]);
    site.connection_ids = format;
    let mut world = site.world();
    let mut client = site.client();
    client.transport.idle_timeout = idle;
    let (at, id) = world.ask(&client, &format!("/{}", 4 << 20));
    world.run_past(at, id, 0);
    if !same_key {
        site.identity = Pki::new().identity;
    }
    world.server = site.serve(Instant::now());
    world.run("the end", |world| world.peers[at].end.is_some());
    world.check_accounts();
    (world, at)
}

#[test]
fn a_restarted_server_ends_the_connections_that_it_has_lost() {
    reset_after_restart(Arc::new(RandomIds));
    reset_after_restart(Arc::new(QuicLb::aws([0x77; 8])));
}

fn reset_after_restart(format: Arc<dyn ConnectionIdFormat>) {
    // Far longer than the test waits.
    let idle = Duration::from_secs(3600);
    let (world, at) = restart(true, idle, format);
    let end = world.peers[at].end.clone().unwrap();
    assert_eq!(end, ConnectionEnd::Reset);
    let told = end.to_string();
    for words in ["lost this connection", "restarted", "try again"] {
        assert!(told.contains(words), "{told}");
    }
    assert!(world.server.stats().answered.reset > 0);
    assert!(world.peers[at].client.is_over());
    assert_eq!(world.peers[at].client.poll_timeout(), None);
}

#[test]
fn a_server_with_another_private_key_ends_nobodys_connection() {
    let idle = Duration::from_secs(1);
    let (world, at) = restart(false, idle, Arc::new(RandomIds));
    let end = world.peers[at].end.clone();
    assert!(
        matches!(end, Some(ConnectionEnd::IdleTimeout { .. })),
        "{end:?}"
    );
    assert!(world.server.stats().answered.reset > 0);
}

#[test]
fn a_reset_is_smaller_than_its_packet_and_never_large() {
    let mut server = server(&Site::new(&[]));
    let mut now = Instant::now();
    for len in (9..100).chain([1199, 1200, 1350, 1472]) {
        now += Duration::from_secs(1);
        let reset = answer(&mut server, now, &short(7, len));
        let wanted = (len - 1).min(42);
        let wanted = (wanted >= LEAST).then_some(wanted);
        assert_eq!(
            reset.as_ref().map(Vec::len),
            wanted,
            "to a packet of {len} bytes"
        );
        let first = reset.map_or(0x40, |reset| reset[0]);
        assert_eq!(first & 0xc0, 0x40, "a short header");
    }
    let stats = server.stats();
    assert_eq!(stats.dropped.unknown_connection, 22 - 9);
    assert_eq!(stats.answered.total(), stats.answered.reset);
    check(&stats);
}

#[test]
fn only_the_token_of_a_reset_can_be_foreseen() {
    let site = Site::new(&[]);
    let mut servers = [(); 2].map(|()| server(&site));
    let now = Instant::now();
    let mut tokens = HashSet::new();
    let mut beginnings = HashSet::new();
    let ids = 20;
    for id in 0..ids {
        for server in &mut servers {
            let reset = answer(server, now, &short(id, 100)).unwrap();
            let (beginning, token) = reset.split_at(reset.len() - TOKEN_BYTES);
            tokens.insert(token.to_vec());
            beginnings.insert(beginning.to_vec());
        }
    }
    assert_eq!(tokens.len(), usize::from(ids));
    assert_eq!(beginnings.len(), 2 * usize::from(ids));
    let firsts: HashSet<u8> = beginnings.iter().map(|beginning| beginning[0]).collect();
    assert!(firsts.len() > 4, "{firsts:x?}");
}

#[test]
fn resets_are_as_many_as_time_allows() {
    let mut server = server(&Site::new(&[]));
    let begin = Instant::now();
    let flood = |server: &mut FileServer<()>, now| {
        let answers = (0..=255).filter_map(|id| answer(server, now, &short(id, 1200)));
        answers.count()
    };
    assert_eq!(flood(&mut server, begin), 100);
    assert_eq!(flood(&mut server, begin), 0);
    assert_eq!(flood(&mut server, begin + Duration::from_millis(250)), 25);
    assert_eq!(flood(&mut server, begin + Duration::from_secs(60)), 100);
    assert_eq!(flood(&mut server, begin), 0, "a clock that goes back");
    let stats = server.stats();
    assert_eq!((stats.answered.reset, stats.datagrams_out), (225, 225));
    assert_eq!(stats.dropped.reset_overflow, 5 * 256 - 225);
    check(&stats);
    // Answers that are not polled: their queue has its own bound.
    let late = begin + Duration::from_secs(120);
    for id in 0..100 {
        server.handle_datagram(late, &mut short(id, 50), stranger(), server_addr(), ());
    }
    let stats = server.stats();
    assert_eq!(stats.answered.reset, 225 + 64);
    assert_eq!(stats.dropped.answer_overflow, 100 - 64);
    check(&stats);
}

#[test]
fn the_handshakes_packets_get_no_reset() {
    let mut server = server(&Site::new(&[]));
    let mut rng = Rng::with_seed(7);
    for first in 0x80..=0xff {
        for len in [40, 1200] {
            let mut packet = random_bytes(&mut rng, len);
            packet[0] = first;
            packet[1..5].copy_from_slice(&1_u32.to_be_bytes());
            packet[5] = 8;
            packet[14] = 8;
            answer(&mut server, Instant::now(), &packet);
        }
    }
    let stats = server.stats();
    assert!(stats.dropped.unknown_connection > 0, "{stats:?}");
    assert_eq!((stats.answered.reset, stats.dropped.reset_overflow), (0, 0));
    check(&stats);
}

#[test]
fn two_servers_are_soon_done_with_each_others_resets() {
    let now = Instant::now();
    let [mut one, mut other] = [(); 2].map(|()| server(&Site::new(&[])));
    let mut packet = short(7, 1472);
    let mut count = 0;
    while let Some(reset) = answer(&mut one, now, &packet) {
        assert!(reset.len() < packet.len());
        packet = reset;
        count += 1;
        std::mem::swap(&mut one, &mut other);
    }
    assert!(count <= 42 - LEAST + 1, "{count} resets");
}

/// A connected client that has received all ids.
fn connect(site: &Site) -> Raw {
    let mut raw = Raw::connect(site);
    raw.exchange();
    raw
}

/// Has the client send packets, at most `times`, until an answer ends its connection. Returns
/// whether one did.
fn speak(raw: &mut Raw, times: usize) -> bool {
    for _ in 0..times {
        if raw.quic.is_closed() {
            break;
        }
        raw.quic.send_ack_eliciting().unwrap();
        raw.exchange();
    }
    raw.quic.is_closed()
}

/// Closes the connection on the server; the client doesn't receive the close.
fn forget(raw: &mut Raw) {
    raw.server.close_all(raw.now);
    raw.wait_for_the_end();
}

#[test]
fn a_lost_goodbye_is_made_up_for() {
    let mut raw = connect(&Site::new(&[]));
    assert!(!speak(&mut raw, 3));
    forget(&mut raw);
    assert!(speak(&mut raw, 1));
    assert!(raw.quic.peer_error().is_none() && !raw.quic.is_timed_out());
    let stats = raw.server.stats();
    assert_eq!(stats.answered.reset, 1);
    assert!(raw.server.is_drained());
    check(&stats);
}

#[test]
fn a_new_private_key_takes_no_token_back() {
    let [first, second] = [(); 2].map(|()| Site::new(&[]));
    let mut before = connect(&first);
    // The second time is no change.
    for _ in 0..2 {
        before.server.set_identity(&second.identity).unwrap();
    }
    // No reset before the connection is lost.
    assert!(!speak(&mut before, 3));
    forget(&mut before);
    // A coin picks the key of each answer.
    assert!(speak(&mut before, 64));
    // A connection that began after the change, lost by the same server or in a restart.
    for (is_restarted, times) in [(false, 64), (true, 1)] {
        let mut changed = server(&first);
        changed.set_identity(&second.identity).unwrap();
        let mut after = Raw::join(changed, Instant::now());
        after.exchange();
        match is_restarted {
            true => after.server = server(&second),
            false => forget(&mut after),
        }
        assert!(speak(&mut after, times), "restarted: {is_restarted}");
    }
}

#[test]
fn a_late_packet_by_a_retired_id_ends_no_connection() {
    let (site, mut world) = serving(&[1000]);
    let at = world.connect(&site.client());
    world.run("connected", |world| world.peers[at].connected);
    let id = world.peers[at].client.get("/1000", None);
    world.peers[at].drain_events();
    world.send_all();
    let late: Vec<_> = world
        .tap()
        .filter(|packet| packet.to == server_addr() && packet.bytes[0] & 0x80 == 0)
        .map(|packet| (packet.bytes.clone(), packet.from))
        .collect();
    assert!(!late.is_empty());
    world.run("an answer", |world| world.peers[at].finished.contains(&id));
    world.peers[at].relocate("198.51.100.8:9999".parse().unwrap());
    world.run("the move", |world| {
        world.server.stats().connections.migrations == 1
    });
    let (status, _) = ask(&mut world, at);
    assert_eq!(status, 200);
    let before = world.server.stats().dropped.unknown_connection;
    for (bytes, from) in &late {
        world.inject(bytes.clone(), *from, server_addr());
    }
    let stats = world.server.stats();
    assert_eq!(
        stats.dropped.unknown_connection - before,
        late.len() as u64,
        "{stats:?}"
    );
    assert_eq!(stats.answered.reset, 0);
    assert_eq!(ask(&mut world, at).0, 200, "the connection goes on");
    world.close();
}

fn ask(world: &mut World, at: usize) -> (u16, Vec<u8>) {
    let id = world.peers[at].client.get("/1000", None);
    world.run("an answer", |world| world.peers[at].finished.contains(&id));
    world.peers[at].take(id)
}

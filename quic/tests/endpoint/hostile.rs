//! Hostile datagrams: they are counted, and have no other effect.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use xskit_quic::Client;
use xskit_quic::Endpoint;

use super::world::{Site, content, random_bytes, server_addr, serving};

const SIZE: usize = 300_000;

fn attacker(rng: &mut Rng) -> SocketAddr {
    let port = 30_000 + rng.u16(..1000);
    SocketAddr::from(([203, 0, 113, 66], port))
}

/// Random bytes whose beginning looks like QUIC.
fn noise(rng: &mut Rng) -> Vec<u8> {
    let len = match rng.usize(..3) {
        0 => rng.usize(..40),
        1 => rng.usize(..1200),
        _ => 1200 + rng.usize(..300),
    };
    let mut bytes = random_bytes(rng, len);
    if let Some(first) = bytes.first_mut() {
        *first |= 0x40;
    }
    if rng.usize(..2) == 0 && len > 24 {
        bytes[0] = 0xc0 | (bytes[0] & 0x3f);
        let version: u32 = [1, 0, 0x6b33_43cf, 0xff00_001d][rng.usize(..4)];
        bytes[1..5].copy_from_slice(&version.to_be_bytes());
        bytes[5] = rng.u8(..22);
    }
    bytes
}

/// A valid datagram, spoilt.
fn spoil(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    match rng.usize(..4) {
        0 => bytes.truncate(rng.usize(..bytes.len() + 1)),
        1 => {
            for _ in 0..=rng.usize(..8) {
                let at = rng.usize(..bytes.len());
                bytes[at] ^= 1 << rng.usize(..8);
            }
        }
        2 => {
            let at = rng.usize(..bytes.len().min(60));
            bytes[at] = bytes[at].wrapping_add(rng.u8(1..));
        }
        _ => {
            let len = 1 + rng.usize(..50);
            bytes.extend(random_bytes(rng, len));
        }
    }
    bytes
}

#[test]
fn noise_disturbs_nobody() {
    let (site, mut world) = serving(&[SIZE]);
    let mut rng = Rng::with_seed(42);
    let (at, id) = world.ask(&site.client(), &format!("/{SIZE}"));
    let mut sent = 0;
    while !world.peers[at].is_done() {
        for _ in 0..200 {
            let (bytes, from) = (noise(&mut rng), attacker(&mut rng));
            world.inject(bytes, from, server_addr());
            sent += 1;
            let (bytes, to) = (noise(&mut rng), world.peers[at].address);
            let from = if sent % 2 == 0 { server_addr() } else { from };
            world.inject(bytes, from, to);
        }
        // Random bytes seldom form an Initial of version 1 with valid lengths.
        let mut initial = random_bytes(&mut rng, 1200);
        initial[..6].copy_from_slice(&[0xc3, 0, 0, 0, 1, 8]);
        initial[14..18].copy_from_slice(&[0, 0, 0x44, 0x9e]);
        world.inject(initial, attacker(&mut rng), server_addr());
        sent += 1;
        world.step();
    }
    assert!(world.peers[at].take(id).1 == content(SIZE));
    let stats = world.server.stats();
    assert_eq!(
        stats.connections.accepted, 1,
        "nothing random becomes a connection"
    );
    assert!(stats.dropped.total() + stats.answered.total() + stats.dropped.malformed >= sent);
    for (count, what) in [
        (stats.dropped.malformed, "malformed"),
        (stats.dropped.unknown_connection, "unknown"),
        (stats.dropped.short_initial, "short"),
        (stats.dropped.rejected_initial, "rejected"),
        (stats.answered.version_negotiation, "version negotiation"),
    ] {
        assert!(count > 0, "no {what}: {stats:?}");
    }
    assert!(world.peers[at].client.stats().datagrams_ignored > 0);
    world.check_accounts();
}

#[test]
fn spoilt_copies_of_real_datagrams_disturb_nobody() {
    let site = Site::new(&[SIZE]);
    for seed in 1..=3 {
        let mut world = site.world();
        let mut rng = Rng::with_seed(seed);
        let (at, id) = world.ask(&site.client(), &format!("/{SIZE}"));
        // The first packets can be spoilt such that the server answers another client id, so
        // copies only join once the handshake's first round is under way.
        world.step();
        let mut sent = 0;
        while !world.peers[at].is_done() {
            world.send_all();
            let copies: Vec<_> = world
                .tap()
                .map(|packet| (packet.bytes.clone(), packet.from, packet.to))
                .collect();
            for (bytes, from, to) in copies {
                let spoilt = spoil(&mut rng, bytes);
                world.inject(spoilt, from, to);
                sent += 1;
            }
            world.advance("the end");
        }
        assert!(sent > 100, "only {sent}");
        assert!(world.peers[at].take(id).1 == content(SIZE), "seed {seed}");
        assert!(world.server.stats().dropped.unauthentic > 0);
        world.check_accounts();
    }
}

#[test]
fn replies_to_strangers_are_never_larger_than_what_they_sent() {
    let mut site = Site::new(&[]);
    site.retry_above_half_open = 0;
    let mut world = site.world();
    let mut rng = Rng::with_seed(5);
    let mut out = [0; 2000];
    for _ in 0..3000 {
        let bytes = noise(&mut rng);
        let len = bytes.len();
        let from = attacker(&mut rng);
        world.inject(bytes, from, server_addr());
        let mut answered = 0;
        while let Some(sent) = world.server.poll_transmit(Instant::now(), &mut out) {
            assert_eq!(sent.to, from);
            answered += sent.len;
        }
        assert!(answered <= len, "{answered} bytes to {len}");
    }
    assert_eq!(world.server.stats().connections.active, 0);
}

#[test]
fn a_flood_of_first_packets_leaves_little_behind() {
    let mut site = Site::new(&[1000]);
    site.retry_above_half_open = 20;
    site.handshake_timeout = Duration::from_secs(2);
    let mut world = site.world();
    let mut rng = Rng::with_seed(6);
    let mut out = [0; 2000];
    for _ in 0..200 {
        // Real first packets from addresses that never answer.
        let from = attacker(&mut rng);
        let mut ghost =
            Client::new(&site.client(), from, server_addr(), (), Instant::now()).unwrap();
        while let Some(sent) = ghost.poll_transmit(Instant::now(), &mut out) {
            world.inject(out[..sent.len].to_vec(), from, server_addr());
        }
        while world
            .server
            .poll_transmit(Instant::now(), &mut out)
            .is_some()
        {}
    }
    let stats = world.server.stats();
    assert_eq!(stats.connections.half_open, 20);
    assert_eq!(stats.connections.accepted, 20);
    assert!(stats.answered.retry >= 180, "{stats:?}");
    let (status, _) = world.fetch(&site.client(), "/1000");
    assert_eq!(status, 200, "an honest client still gets in");
    world.run("the ghosts are gone", |world| {
        world.server.stats().connections.half_open == 0
    });
    assert_eq!(world.server.stats().connections.handshake_timeouts, 20);
    world.close();
}

#[test]
fn answers_nobody_fetches_are_bounded() {
    let (_site, mut world) = serving(&[]);
    let mut rng = Rng::with_seed(7);
    for _ in 0..1000 {
        let mut bytes = random_bytes(&mut rng, 1200);
        bytes[..6].copy_from_slice(&[0xc0, 0xfa, 0xce, 0xb0, 0x0c, 8]);
        bytes[14] = 8;
        world.inject(bytes, attacker(&mut rng), server_addr());
    }
    let stats = world.server.stats();
    assert_eq!(stats.answered.version_negotiation, 64);
    assert_eq!(stats.dropped.answer_overflow, 1000 - 64);
    world.check_accounts();
}

#[test]
fn a_forged_path_is_not_learnt() {
    let (site, mut world) = serving(&[SIZE]);
    let (at, id) = world.ask(&site.client(), &format!("/{SIZE}"));
    world.run_past(at, id, 0);
    // The client's own datagrams, spoilt, as if its MAC address had changed. World checks
    // the link of every answer.
    world.send_all();
    let copies: Vec<Vec<u8>> = world
        .tap()
        .filter(|packet| packet.to == server_addr())
        .map(|packet| packet.bytes.clone())
        .collect();
    let from = world.peers[at].address;
    let mut rng = Rng::with_seed(8);
    for mut bytes in copies {
        let last = bytes.len() - 1;
        bytes[last] ^= rng.u8(1..);
        world
            .server
            .handle_datagram(Instant::now(), &mut bytes, from, server_addr(), 666);
    }
    world.run_to_end(at, id, SIZE);
    world.close();
}

/// Counts log lines of every level.
#[derive(Clone, Default)]
struct Lines(Arc<AtomicUsize>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn log_lines_are_bounded_whatever_comes() {
    let site = Site::new(&[]);
    let mut server = site.serve::<()>(Instant::now());
    let here = server_addr();
    let now = Instant::now();
    let mut client = Client::new(&site.client(), here, here, (), now).unwrap();
    let mut rng = Rng::with_seed(9);
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || {
        for _ in 0..500 {
            // A first packet that can't be decrypted, to the server; no bytes at all, to the
            // client.
            let mut bytes = random_bytes(&mut rng, 1200);
            bytes[..6].copy_from_slice(&[0xc0, 0, 0, 0, 1, 8]);
            bytes[14] = 0;
            bytes[15..18].copy_from_slice(&[0, 0x44, 0x9e]);
            server.handle_datagram(now, &mut bytes, attacker(&mut rng), here, ());
            client.handle_datagram(now, &mut [], here, here, ());
        }
    });
    assert_eq!(server.stats().dropped.rejected_initial, 500);
    let lines = lines.0.load(Ordering::Relaxed);
    assert!((2..=20).contains(&lines), "{lines}");
}

/// An attacker on the wire copies each of a client's datagrams from its own MAC address, and its
/// copy arrives first. The world checks the link of every answer.
#[test]
fn copies_from_another_mac_address_turn_no_download() {
    const FORGED: u16 = 999;
    let (site, mut world) = serving(&[200_000]);
    world
        .server
        .judge_links(Box::new(|_host, _known, new| new != FORGED));
    let at = world.connect(&site.client());
    world.run("connected", |world| world.peers[at].connected);
    let id = world.peers[at].client.get("/200000", None);
    let mut copies = 0;
    while !world.peers[at].finished.contains(&id) {
        world.send_all();
        let sent = world.tap().filter(|packet| packet.to == server_addr());
        let sent: Vec<_> = sent
            .map(|packet| (packet.bytes.clone(), packet.from))
            .collect();
        for (mut bytes, from) in sent {
            let now = Instant::now();
            world
                .server
                .handle_datagram(now, &mut bytes, from, server_addr(), FORGED);
            copies += 1;
        }
        if !world.step() {
            world.advance("the download");
        }
    }
    assert!(copies > 0);
    world.check_accounts();
}

//! Files arrive byte for byte, whatever the wire does.

use std::time::Instant;

use fastrand::Rng;
use xskit_quic::Endpoint;
use xskit_quic::client::Validator;
use xskit_quic::{ByteRange, Congestion, ContentRange};

use super::world::{Faults, Site, World, content, serving};

const MIB: usize = 1 << 20;

#[test]
fn files_of_all_sizes_arrive() {
    let sizes = [0, 1, 1199, 131_072, 131_073, MIB, 20 * MIB];
    let (site, mut world) = serving(&sizes);
    for size in sizes {
        let (status, body) = world.fetch(&site.client(), &format!("/{size}"));
        assert_eq!(status, 200);
        assert!(body == content(size), "{size} bytes, got {}", body.len());
    }
    let stats = world.server.stats();
    let http = world.server.application().counters();
    assert_eq!(http.body_bytes, sizes.iter().sum::<usize>() as u64);
    assert_eq!((http.requests, http.completed), (7, 7));
    assert_eq!(stats.connections.established, 7);
    assert_eq!(stats.dropped.total(), 0, "{:?}", stats.dropped);
    world.close();
}

#[test]
fn a_bad_wire_changes_nothing() {
    let site = Site::new(&[MIB]);
    for seed in 1..=6 {
        let mut world = site.world();
        world.rng = Rng::with_seed(seed);
        world.faults = Faults {
            lost: 20,
            doubled: 20,
            delayed: 50,
        };
        let (status, body) = world.fetch(&site.client(), &format!("/{MIB}"));
        assert_eq!(status, 200);
        assert!(body == content(MIB), "seed {seed}");
        assert!(
            world.server.stats().packets.lost > 0,
            "seed {seed} lost nothing"
        );
        world.close();
    }
}

#[test]
fn datagrams_are_as_large_as_both_ends_and_the_path_allow() {
    let mut site = Site::new(&[MIB]);
    for (name, at_server, at_client, mtu) in [
        ("the least", 1200, 1200, 1200),
        ("Ethernet", 1472, 1472, 1472),
        ("a page", 3472, 3472, 3472),
        ("jumbo frames", 8972, 8972, 8972),
        ("a smaller client", 8972, 1472, 1472),
        ("a smaller path", 1472, 1472, 1380),
    ] {
        site.transport.max_udp_payload_bytes = at_server;
        let mut world = site.world();
        world.mtu = mtu;
        let mut client = site.client();
        client.transport.max_udp_payload_bytes = at_client;
        let (_, body) = world.fetch(&client, &format!("/{MIB}"));
        assert!(body == content(MIB), "{name}");
        assert!(mtu == 1200 || world.largest > 1200, "{name}");
        let stats = world.server.stats();
        let mean = stats.bytes_out / stats.datagrams_out;
        assert!(mean > mtu as u64 / 2, "{name}: {mean} bytes used");
        world.close();
    }
}

/// Without discovery the client begins with datagrams that are too large, while small ones arrive.
#[test]
fn a_long_request_passes_a_smaller_path() {
    let mut site = Site::new(&[1000]);
    site.transport.max_udp_payload_bytes = 1472;
    let mut world = site.world();
    world.mtu = 1380;
    let mut client = site.client();
    client.transport.max_udp_payload_bytes = 1472;
    for (discover, len) in [
        (true, 10),
        (true, 1200),
        (true, 1600),
        (true, 5000),
        (false, 1600),
    ] {
        client.transport.discover_path_mtu = discover;
        let (status, _) = world.fetch(&client, &format!("/1000?{}", "x".repeat(len)));
        assert_eq!(status, 200, "a query of {len} bytes, discovery: {discover}");
    }
    world.close();
}

/// The path's MTU shrinks; with and without discovery, on a server and on a client.
#[test]
fn a_path_that_shrinks_in_the_middle_is_noticed_on_both_ends() {
    let mut site = Site::new(&[1000, MIB]);
    for discover in [true, false] {
        site.transport.max_udp_payload_bytes = 1472;
        site.transport.discover_path_mtu = discover;
        let mut client = site.client();
        client.transport.max_udp_payload_bytes = 1472;
        client.transport.discover_path_mtu = discover;
        let mut world = site.world();
        let (at, id) = world.ask(&client, &format!("/{MIB}"));
        world.run("large datagrams", |world| {
            world.peers[at].client.stats().udp_payload_bytes == 1472
                && world.peers[at].bodies.contains_key(&id)
        });
        world.mtu = 1300;
        world.run("the rest", |world| world.peers[at].is_done());
        let (_, body) = world.peers[at].take(id);
        assert!(body == content(MIB), "discovery: {discover}");
        let long = format!("/1000?{}", "x".repeat(5000));
        let id = world.peers[at].client.get(&long, None);
        world.run("the answer", |world| {
            let peer = &world.peers[at];
            peer.end.is_some() || peer.finished.contains(&id)
        });
        assert_eq!(world.peers[at].take(id).0, 200, "discovery: {discover}");
        let payload = world.peers[at].client.stats().udp_payload_bytes;
        assert!((1200..=1300).contains(&payload), "{payload}");
        world.close();
    }
}

#[test]
fn both_congestion_controllers_work() {
    let mut site = Site::new(&[MIB]);
    for congestion in [Congestion::Cubic, Congestion::Bbr2] {
        site.transport.congestion = congestion;
        let mut world = site.world();
        world.faults.lost = 5;
        let (_, body) = world.fetch(&site.client(), &format!("/{MIB}"));
        assert!(body == content(MIB), "{congestion:?}");
    }
}

#[test]
fn many_requests_share_a_connection_fairly() {
    const SIZE: usize = 400_000;
    let (site, mut world) = serving(&[SIZE]);
    let at = world.connect(&site.client());
    let get = |world: &mut World| world.peers[at].client.get(&format!("/{SIZE}"), None);
    let ids: Vec<_> = (0..20).map(|_| get(&mut world)).collect();
    world.run("the first to finish", |world| {
        !world.peers[at].finished.is_empty()
    });
    let done: Vec<usize> = world.peers[at].bodies.values().map(Vec::len).collect();
    assert_eq!(done.len(), 20, "all have begun");
    assert!(
        done.iter().all(|len| *len > SIZE / 2),
        "one overtook the others: {done:?}"
    );
    world.run("all", |world| world.peers[at].finished.len() == 20);
    let want = content(SIZE);
    for id in ids {
        assert!(world.peers[at].take(id).1 == want);
    }
    world.close();
}

#[test]
fn more_requests_than_streams_wait_their_turn() {
    let mut site = Site::new(&[1199]);
    site.transport.max_streams = 10;
    let mut world = site.world();
    let at = world.connect(&site.client());
    for _ in 0..100 {
        world.peers[at].client.get("/1199", None);
    }
    world.run("a hundred", |world| world.peers[at].finished.len() == 100);
    assert!(
        world.peers[at]
            .bodies
            .values()
            .all(|body| *body == content(1199))
    );
    world.close();
}

#[test]
fn parts_of_a_file() {
    let (site, mut world) = serving(&[MIB]);
    let want = content(MIB);
    let cases = [
        (ByteRange::From(1_000_000), 206, &want[1_000_000..]),
        (ByteRange::Inclusive(0, 0), 206, &want[..1]),
        (
            ByteRange::Inclusive(131_000, 400_000),
            206,
            &want[131_000..=400_000],
        ),
        (ByteRange::Last(10), 206, &want[MIB - 10..]),
        (ByteRange::Last(1 << 40), 206, &want[..]),
        (
            ByteRange::From(1 << 40),
            416,
            b"the range lies outside of the file",
        ),
    ];
    let at = world.connect(&site.client());
    for (range, status, part) in cases {
        let id = world.peers[at].client.get(&format!("/{MIB}"), Some(range));
        world.run("a part", |world| world.peers[at].finished.contains(&id));
        let (got, body) = world.peers[at].take(id);
        assert!(
            (got, body.as_slice()) == (status, part),
            "{range}: {got}, {} bytes",
            body.len()
        );
    }
    world.close();
}

#[test]
fn a_part_is_sent_only_of_the_version_that_the_client_has() {
    let (site, mut world) = serving(&[1199]);
    let at = world.connect(&site.client());
    let whole = world.peers[at].client.get("/1199", None);
    world.run("all of it", |world| world.peers[at].is_done());
    let validator = Validator::of(&world.peers[at].heads[&whole]).unwrap();
    let (want, new) = (content(1199), vec![7; 1300]);
    for (file, first, status, body) in [
        (None, 199, 206, &want[199..]),
        (None, 1199, 416, b"the range lies outside of the file"),
        (Some(&new), 199, 200, &new[..]),
        (Some(&new), 1300, 200, &new[..]),
    ] {
        if let Some(file) = file {
            std::fs::write(site.dir.path().join("1199"), file).unwrap();
        }
        let range = ByteRange::From(first);
        let client = &mut world.peers[at].client;
        let id = client.get_if_range("/1199", range, &validator);
        world.run("a part", |world| world.peers[at].finished.contains(&id));
        let head = world.peers[at].heads[&id].clone();
        let expected = match status {
            206 => Some(ContentRange::Part {
                first,
                last: 1198,
                complete: Some(1199),
            }),
            416 => Some(ContentRange::Unsatisfied { complete: 1199 }),
            _ => None,
        };
        assert_eq!(head.content_range(), expected);
        assert_eq!(validator.matches(&head), Some(status != 200), "{head:?}");
        assert!(world.peers[at].take(id) == (status, body.to_vec()));
    }
    world.close();
}

/// Unlike [`rebinding`](super::rebinding), the old address still receives.
#[test]
fn a_client_whose_address_changes_goes_on() {
    let (site, mut world) = serving(&[MIB]);
    let at = world.connect(&site.client());
    for (port, moves) in (1..=9).map(|n| (20_000 + n, u64::from(n))) {
        let id = world.peers[at].client.get(&format!("/{MIB}"), None);
        world.run_past(at, id, MIB / 4);
        world.peers[at].move_to(port);
        world.run("the rest, and the move is noticed", |world| {
            world.peers[at].finished.contains(&id)
                && world.server.stats().connections.migrations == moves
        });
        assert!(world.peers[at].take(id).1 == content(MIB));
    }
    assert_eq!(world.peers[at].client.stats().datagrams_ignored, 0);
    world.close();
}

#[test]
fn acknowledgements_are_few() {
    let (site, mut world) = serving(&[4 * MIB]);
    world.fetch_file(&site.client(), 4 * MIB);
    let stats = world.peers[0].client.stats();
    assert_eq!(stats.body_bytes, 4 << 20);
    assert!(stats.rtt > std::time::Duration::ZERO && stats.packets_received > 3000);
    assert!(
        stats.datagrams_out * 10 < stats.datagrams_in,
        "{} answers to {} datagrams",
        stats.datagrams_out,
        stats.datagrams_in
    );
    world.close();
}

#[test]
fn closing_says_goodbye_to_everybody() {
    use xskit_quic::client::ConnectionEnd;
    let (site, mut world) = serving(&[MIB]);
    for _ in 0..5 {
        world.connect(&site.client());
    }
    world.run("connected", |world| {
        world.peers.iter().all(|peer| peer.connected)
    });
    world.server.close_all(Instant::now());
    assert!(!world.server.is_drained());
    // The first closes are lost, and a client that still sends gets another.
    let mut lost = vec![0; 65_536];
    for _ in 0..5 {
        assert!(
            world
                .server
                .poll_transmit(Instant::now(), &mut lost)
                .is_some()
        );
    }
    for peer in &mut world.peers {
        peer.client.get("/", None);
    }
    world.run("goodbyes", |world| {
        world.peers.iter().all(|peer| peer.end.is_some())
    });
    world.run("the server to leave", |world| world.server.is_drained());
    for peer in &world.peers {
        let end = peer.end.as_ref().unwrap();
        assert!(matches!(end, ConnectionEnd::ByServer { .. }), "{end}");
    }
    let late = world.connect(&site.client());
    world.step();
    assert!(world.server.stats().dropped.closing > 0);
    assert!(!world.peers[late].connected);
    world.check_accounts();
}

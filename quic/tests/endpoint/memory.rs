//! What a server holds in memory, and files that change while they are served.

use std::fs::File;

use xskit_quic::client::RequestError;

use super::world::{Site, World, content};

const MIB: usize = 1 << 20;
const CHUNK: usize = 128 << 10;

/// A file of this size without blocks on the disk.
fn sparse(dir: &tempfile::TempDir, name: &str, len: u64) {
    File::create(dir.path().join(name))
        .unwrap()
        .set_len(len)
        .unwrap();
}

/// A client that asks for twenty endless files and reads none of them, and then for one that it
/// reads to its end.
fn reads_one_of_many(site: &Site) -> World {
    let mut world = site.world();
    world.watch_memory = true;
    let mut client = site.client();
    client.transport.stream_window_bytes = 200_000;
    let at = world.connect(&client);
    world.peers[at].reading = false;
    for _ in 0..20 {
        world.peers[at].client.get("/huge", None);
    }
    world.run("twenty full windows", |world| {
        world.server.application().counters().body_bytes >= 20 * 199_000
    });
    let id = world.peers[at].client.get(&format!("/{MIB}"), None);
    while !world.peers[at].finished.contains(&id) {
        world.peers[at].read(id);
        world.advance("the one that is read");
    }
    assert!(world.peers[at].take(id).1 == content(MIB));
    world
}

#[test]
fn a_reader_that_stops_costs_one_allowance() {
    let site = Site::new(&[]);
    sparse(&site.dir, "huge", 1 << 40);
    let mut world = site.world();
    world.watch_memory = true;
    let mut client = site.client();
    client.transport.stream_window_bytes = 3 << 20;
    let at = world.connect(&client);
    world.peers[at].reading = false;
    world.peers[at].client.get("/huge", None);
    // The window is 3 MiB, and at most that is handed to the transport.
    world.run("a full window", |world| {
        world.server.application().counters().body_bytes > (3 << 20) - 4096
    });
    for _ in 0..100 {
        world.step();
    }
    let http = world.server.application();
    assert!(http.counters().body_bytes <= 3 << 20, "{http:?}");
    assert!(world.most_held > 0);
    assert!(
        world.most_held <= site.http.max_body_bytes_held + CHUNK,
        "{}",
        world.most_held
    );
    // All of it is acknowledged; what is left is a part of the next chunk.
    let held = http.common().body_bytes_held();
    assert!(held <= CHUNK, "{held}");
    world.close();
}

#[test]
fn a_fast_reader_with_a_huge_window_costs_one_allowance() {
    let mut site = Site::new(&[]);
    sparse(&site.dir, "24M", 24 << 20);
    site.http.max_body_bytes_held = MIB;
    site.transport.max_streams = 8;
    let mut world = site.world();
    world.watch_memory = true;
    let mut client = site.client();
    client.transport.stream_window_bytes = 1 << 30;
    client.transport.connection_window_bytes = 1 << 30;
    client.transport.max_stream_window_bytes = 1 << 30;
    client.transport.max_connection_window_bytes = 1 << 30;
    let (status, body) = world.fetch(&client, "/24M");
    assert_eq!((status, body.len()), (200, 24 << 20));
    assert!(body.iter().all(|byte| *byte == 0));
    assert!(world.most_held <= MIB + CHUNK, "{}", world.most_held);
    world.close();
}

#[test]
fn streams_that_nobody_reads_do_not_starve_the_others() {
    let mut site = Site::new(&[MIB]);
    sparse(&site.dir, "huge", 1 << 40);
    site.http.max_body_bytes_held = MIB;
    site.transport.max_streams = 21;
    let mut world = reads_one_of_many(&site);
    assert!(
        world.most_held <= MIB + 21 * 32 * 1024 + CHUNK,
        "{}",
        world.most_held
    );
    world.close();
}

#[test]
fn a_file_that_shrinks_breaks_its_transfer_only() {
    let site = Site::new(&[MIB]);
    sparse(&site.dir, "shrinking", 64 << 20);
    let mut world = site.world();
    let (at, id) = world.ask(&site.client(), "/shrinking");
    world.run_past(at, id, MIB);
    sparse(&site.dir, "shrinking", 2 << 20);
    world.run("the break", |world| !world.peers[at].failed.is_empty());
    match &world.peers[at].failed[..] {
        [
            (
                failed,
                RequestError::Reset {
                    code: 0x102,
                    received,
                },
            ),
        ] => {
            assert_eq!(*failed, id);
            assert!(*received < 64 << 20);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.server.application().counters().broken, 1);
    world.peers[at].failed.clear();
    let id = world.peers[at].client.get(&format!("/{MIB}"), None);
    world.run("another file", |world| {
        world.peers[at].finished.contains(&id)
    });
    assert!(world.peers[at].take(id).1 == content(MIB));
    world.close();
}

#[test]
fn a_file_that_grows_is_sent_as_it_was() {
    let site = Site::new(&[]);
    sparse(&site.dir, "growing", 8 << 20);
    let mut world = site.world();
    let (at, id) = world.ask(&site.client(), "/growing");
    world.run_past(at, id, MIB);
    sparse(&site.dir, "growing", 80 << 20);
    world.run("the end", |world| world.peers[at].is_done());
    assert_eq!(world.peers[at].take(id).1.len(), 8 << 20);
    world.close();
}

/// Bounds for 16 connections that are as tight as they can be.
fn tight(sizes: &[usize]) -> (Site, usize) {
    let mut site = Site::new(sizes);
    site.max_connections = 16;
    site.http.max_total_body_bytes_held = 0;
    (site, 16 * 64 * 1024)
}

#[test]
fn all_connections_share_one_bound() {
    let (site, total) = tight(&[4 * MIB]);
    let mut world = site.world();
    world.watch_memory = true;
    let path = format!("/{}", 4 * MIB);
    for _ in 0..12 {
        let at = world.connect(&site.client());
        world.peers[at].client.get(&path, None);
    }
    world.run("twelve files", |world| {
        world.peers.iter().all(|peer| peer.finished.len() == 1)
    });
    for peer in &world.peers {
        assert!(peer.bodies.values().all(|body| *body == content(4 * MIB)));
    }
    assert!(world.most_held <= total + CHUNK, "{}", world.most_held);
    world.close();
}

#[test]
fn clients_that_acknowledge_nothing_do_not_stop_the_others() {
    let (site, total) = tight(&[MIB]);
    sparse(&site.dir, "huge", 1 << 40);
    let mut world = site.world();
    world.watch_memory = true;
    for _ in 0..15 {
        let at = world.connect(&site.client());
        world.peers[at].client.get("/huge", None);
    }
    world.run("fifteen in the middle", |world| {
        let lens = world.peers.iter().map(|peer| peer.bodies.values());
        lens.map(|bodies| bodies.map(Vec::len).sum::<usize>())
            .all(|len| len > MIB)
    });
    // The clients fall silent.
    world.peers.clear();
    for _ in 0..100 {
        world.step();
    }
    let kept = world.server.application().common().body_bytes_held();
    assert!(kept > total / 4, "{kept}");
    world.fetch_file(&site.client(), MIB);
    let stats = world.server.stats();
    assert_eq!(stats.connections.idle_timeouts, 0, "{stats:?}");
    let held = world.server.application().common().body_bytes_held();
    assert!(held >= kept / 2, "{held}");
    assert!(world.most_held <= total + CHUNK, "{}", world.most_held);
}

#[test]
fn with_little_memory_streams_that_nobody_reads_do_not_starve_the_others_either() {
    let (mut site, total) = tight(&[MIB]);
    sparse(&site.dir, "huge", 1 << 40);
    site.max_connections = 1;
    let mut world = reads_one_of_many(&site);
    assert!(world.most_held <= total / 16 + CHUNK, "{}", world.most_held);
    world.close();
}

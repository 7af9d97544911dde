//! Clients that take as many places as they get, and an honest client beside them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use xskit_quic::Endpoint;
use xskit_quic::client::ConnectionEnd;
use xskit_quic::{Client, FileServer};

use super::raw::{Raw, request};
use super::world::{NAME, Site, World, server_addr};

const HONEST: [u8; 4] = [192, 0, 2, 200];
const STRANGER: [u8; 4] = [203, 0, 113, 66];

/// Makes handshakes from one host, each on a new connection; the clients then stay silent. Returns
/// how many were not refused.
fn crowd(server: &mut FileServer<u16>, count: usize) -> usize {
    let mut config = quiche::Config::new(quiche::PROTOCOL_VERSION).unwrap();
    config.verify_peer(false);
    config
        .set_application_protos(quiche::h3::APPLICATION_PROTOCOL)
        .unwrap();
    config.set_initial_max_data(1 << 20);
    config.set_initial_max_stream_data_uni(1 << 20);
    config.set_initial_max_streams_uni(10);
    let id = quiche::ConnectionId::from_ref(&[6; 8]);
    let (now, mut buf, mut taken) = (Instant::now(), [0; 2000], 0);
    for at in 0..count {
        let from = SocketAddr::from((STRANGER, 1000 + u16::try_from(at).unwrap()));
        let mut quic = quiche::connect(Some(NAME), &id, from, server_addr(), &mut config).unwrap();
        for _ in 0..4 {
            while let Ok((len, _)) = quic.send(&mut buf) {
                server.handle_datagram(now, &mut buf[..len], from, server_addr(), from.port());
            }
            while let Some(sent) = server.poll_transmit(now, &mut buf) {
                let (from, to) = (sent.from, sent.to);
                let _ = quic.recv(&mut buf[..sent.len], quiche::RecvInfo { from, to });
            }
        }
        assert!(quic.is_established() || quic.peer_error().is_some());
        taken += usize::from(quic.peer_error().is_none());
    }
    taken
}

#[test]
fn an_honest_client_gets_in_beside_a_stranger_who_takes_all_places() {
    let site = Site::new(&[1000]);
    let mut world = site.world();
    let taken = crowd(&mut world.server, site.max_connections);
    assert_eq!(taken, site.max_connections_per_host);
    let stats = world.server.stats();
    assert_eq!(stats.connections.active, taken);
    // One refusal per datagram of the first flight.
    assert!(stats.refused.host_full as usize >= site.max_connections - taken);
    assert_eq!(stats.refused.host_full, stats.answered.refused);
    assert_eq!(world.fetch_from(HONEST, &site.client(), "/1000").0, 200);
    assert_eq!(
        world.server.stats().connections.established as usize,
        taken + 1
    );
    world.check_accounts();
}

#[test]
fn bounds_are_per_host_and_per_network_and_places_come_back() {
    let mut site = Site::new(&[1000]);
    site.max_connections_per_host = 2;
    site.max_connections_per_network = 5;
    let mut world = site.world();
    for host in 1..=4 {
        for _ in 0..3 {
            world.connect_from([203, 0, 113, host], &site.client());
        }
    }
    world.run("all are answered", |world| {
        let mut peers = world.peers.iter();
        peers.all(|peer| peer.connected || peer.end.is_some())
    });
    let refused = |world: &World| {
        let refused = world.peers.iter().filter(|peer| peer.end.is_some());
        refused
            .map(|peer| matches!(peer.end, Some(ConnectionEnd::Refused { .. })))
            .fold(0, |count, is_refusal| count + usize::from(is_refusal))
    };
    world.run("all refusals have come", |world| refused(world) == 7);
    let stats = world.server.stats();
    assert_eq!((stats.refused.host_full, stats.refused.server_full), (2, 0));
    assert_eq!(stats.refused.network_full, 5);
    assert_eq!(world.fetch_from(HONEST, &site.client(), "/1000").0, 200);
    // A client that leaves makes room.
    for peer in &mut world.peers {
        peer.client.close(Instant::now());
    }
    world.run("all have left", |world| {
        world.server.stats().connections.active == 0
    });
    let path = "/1000";
    assert_eq!(
        world.fetch_from([203, 0, 113, 1], &site.client(), path).0,
        200
    );
    world.close();
}

#[test]
fn places_are_not_used_up_in_somebody_elses_name() {
    let mut site = Site::new(&[1000]);
    site.max_connections_per_host = 1;
    let mut world = site.world();
    let mut out = [0; 2000];
    for port in 0..20 {
        let from = SocketAddr::from((HONEST, port + 1));
        let mut ghost =
            Client::new(&site.client(), from, server_addr(), (), Instant::now()).unwrap();
        while let Some(sent) = ghost.poll_transmit(Instant::now(), &mut out) {
            world.inject(out[..sent.len].to_vec(), from, server_addr());
        }
    }
    assert_eq!(world.server.stats().connections.half_open, 20);
    assert_eq!(world.fetch_from(HONEST, &site.client(), "/1000").0, 200);
    assert_eq!(world.server.stats().refused.host_full, 0);
}

fn error(raw: &Raw) -> (u64, &[u8]) {
    let error = raw.quic.peer_error().expect("closed");
    (error.error_code, &error.reason)
}

#[test]
fn a_connection_that_only_pings_is_closed() {
    let site = Site::new(&[10]);
    let mut raw = Raw::connect(&site);
    assert_eq!(
        raw.ask(&request("GET", "/10"), None).field(":status"),
        "200"
    );
    raw.exchange();
    let begun = raw.now;
    let ping = |raw: &mut Raw, seconds| {
        raw.now = begun + Duration::from_secs(seconds);
        raw.quic.send_ack_eliciting().unwrap();
        raw.exchange();
        raw.server.handle_timeout(raw.now);
        raw.exchange();
    };
    for seconds in [20, 40, 59] {
        ping(&mut raw, seconds);
        assert_eq!(raw.quic.peer_error(), None);
    }
    ping(&mut raw, 60);
    assert_eq!(error(&raw), (0x100, &b"no request for too long"[..]));
    assert_eq!(raw.server.stats().connections.request_timeouts, 1);
}

#[test]
fn a_connection_that_reads_nothing_is_closed_and_one_that_reads_a_little_is_not() {
    let site = Site::new(&[1 << 20]);
    let mut raw = Raw::connect(&site);
    let stream = raw.send(&request("GET", &format!("/{}", 1 << 20)), true);
    // The client's windows are full, and all that was sent is acknowledged.
    for _ in 0..10 {
        raw.exchange();
        while raw.h3.poll(&mut raw.quic).is_ok() {}
    }
    let begun = raw.now;
    let pass = |raw: &mut Raw, seconds| {
        raw.now = begun + Duration::from_secs(seconds);
        raw.server.handle_timeout(raw.now);
        raw.exchange();
        raw.exchange();
    };
    let mut some = [0; 60_000];
    pass(&mut raw, 100);
    assert!(raw.h3.recv_body(&mut raw.quic, stream, &mut some).unwrap() > 0);
    pass(&mut raw, 101);
    pass(&mut raw, 219);
    assert_eq!(raw.quic.peer_error(), None);
    let http = raw.server.application();
    assert!(http.common().open_files() == 1 && http.common().body_bytes_held() > 0);
    pass(&mut raw, 222);
    assert_eq!(
        error(&raw),
        (0x100, &b"the responses were not read for too long"[..])
    );
    let stats = raw.server.stats();
    assert_eq!(stats.connections.response_timeouts, 1);
    assert_eq!(raw.server.application().common().open_files(), 0);
}

#[test]
fn a_stranger_leaves_open_files_for_others() {
    let mut site = Site::new(&[1 << 20, 1000]);
    site.http.max_open_files = 40;
    let mut world = site.world();
    let mut client = site.client();
    client.transport.stream_window_bytes = 1000;
    for _ in 0..6 {
        let at = world.connect_from(STRANGER, &client);
        world.peers[at].reading = false;
        for _ in 0..20 {
            world.peers[at].client.get(&format!("/{}", 1 << 20), None);
        }
    }
    world.run("all are answered", |world| {
        world.server.application().counters().requests == 6 * 20
    });
    let http = world.server.application();
    assert_eq!(http.common().open_files(), 40 / 5);
    assert_eq!(http.counters().too_many_files, 6 * 20 - 40 / 5);
    assert_eq!(world.fetch_from(HONEST, &site.client(), "/1000").0, 200);
    world.close();
    assert_eq!(world.server.application().common().open_files(), 0);
}

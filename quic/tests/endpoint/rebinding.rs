//! A NAT moves a client's binding: what is in flight to the old address is lost.

use std::net::SocketAddr;
use std::time::Instant;

use xskit_quic::Endpoint;

use super::raw::{Raw, request};
use super::world::{Peer, Site, content, server_addr, serving};

const MIB: usize = 1 << 20;

/// Another port, and every third time another address.
fn elsewhere(nth: u16) -> SocketAddr {
    let host = 7 + u8::try_from(nth / 3).unwrap();
    SocketAddr::from(([198, 51, 100, host], 20_000 + nth))
}

#[test]
fn a_download_outlives_any_number_of_rebindings() {
    outlives(9, Peer::rebind);
}

#[test]
fn a_download_outlives_changes_of_the_clients_own_address() {
    outlives(9, Peer::relocate);
}

fn outlives(moves: u16, r#move: impl Fn(&mut Peer, SocketAddr)) {
    let (site, mut world) = serving(&[12 * MIB]);
    let (at, id) = world.ask(&site.client(), &format!("/{}", 12 * MIB));
    for nth in 1..=moves {
        let before = world.peers[at].bodies.get(&id).map_or(0, Vec::len);
        world.run("some more", |world| {
            let body = world.peers[at].bodies.get(&id);
            body.is_some_and(|body| body.len() > before + MIB / 2)
        });
        // A window of data is on the wire, and is lost.
        world.send_all();
        r#move(&mut world.peers[at], elsewhere(nth));
        world.run("the move is noticed", |world| {
            world.server.stats().connections.migrations == u64::from(nth)
        });
    }
    world.run_to_end(at, id, 12 * MIB);
    world.close();
}

#[test]
fn rebindings_that_come_faster_than_they_are_noticed_are_followed_in_the_end() {
    let (site, mut world) = serving(&[2 * MIB]);
    let (at, id) = world.ask(&site.client(), &format!("/{}", 2 * MIB));
    world.run_past(at, id, 0);
    for nth in 1..=40 {
        world.advance("the rest");
        world.send_all();
        world.peers[at].rebind(elsewhere(nth));
    }
    world.run_to_end(at, id, 2 * MIB);
    world.close();
}

/// An attacker copies the client's datagrams from forged addresses.
#[test]
fn copies_from_a_forged_address_turn_nothing_away() {
    let forged = |nth: usize| SocketAddr::from(([203, 0, 113, 66], 30_000 + (nth % 50) as u16));
    let (site, mut world) = serving(&[8 * MIB]);
    let at = world.connect(&site.client());
    world.run("connected", |world| world.peers[at].connected);
    let id = world.peers[at].client.get(&format!("/{}", 8 * MIB), None);
    let (mut heard, mut sent) = ([0; 50], [0; 50]);
    let mut copies = 0;
    while !world.peers[at].is_done() {
        world.send_all();
        let client = world.peers[at].address;
        let theirs = world.tap().filter(|packet| packet.from == client);
        let theirs: Vec<_> = theirs.map(|packet| packet.bytes.clone()).collect();
        for bytes in theirs {
            heard[copies % 50] += bytes.len();
            world.inject(bytes, forged(copies), server_addr());
            copies += 1;
        }
        world.send_all();
        for packet in world.tap() {
            if let Some(nth) = (0..50).find(|nth| packet.to == forged(*nth)) {
                sent[nth] += packet.bytes.len();
                let (heard, sent) = (heard[nth], sent[nth]);
                assert!(sent <= 3 * heard, "{sent} bytes for {heard}");
            }
        }
        world.advance("the rest");
    }
    assert!(world.peers[at].take(id).1 == content(8 * MIB));
    assert!(copies > 10, "{copies} copies");
    assert!(
        sent.iter().sum::<usize>() > 0,
        "nobody was asked to prove anything"
    );
    assert_eq!(world.server.stats().connections.migrations, 0);
    world.close();
}

/// A client that tries its new address before it uses it, and has an id for it: quiche's own.
#[test]
fn a_client_that_migrates_as_the_book_says_is_followed() {
    const SIZE: usize = MIB;
    let site = Site::new(&[SIZE]);
    let mut raw = Raw::connect(&site);
    let id = quiche::ConnectionId::from_ref(&[8; 16]);
    raw.quic.new_scid(&id, 1, false).unwrap();
    raw.exchange();
    let mut moved: SocketAddr = "198.51.100.7:9".parse().unwrap();
    let stream = raw.send(&request("GET", &format!("/{SIZE}")), true);
    let (mut body, mut buf) = (Vec::new(), [0; 2000]);
    while body.len() < SIZE {
        while let Ok((len, info)) = raw.quic.send(&mut buf) {
            let from = info.from;
            raw.server
                .handle_datagram(Instant::now(), &mut buf[..len], from, server_addr(), ());
        }
        if body.len() > SIZE / 2 && moved.port() == 9 {
            // The server still sends to the old address now.
            moved.set_port(10);
            raw.quic.probe_path(moved, server_addr()).unwrap();
            raw.quic.migrate_source(moved).unwrap();
        }
        let mut is_idle = true;
        while let Some(sent) = raw.server.poll_transmit(Instant::now(), &mut buf) {
            let info = quiche::RecvInfo {
                from: sent.from,
                to: sent.to,
            };
            if sent.to == moved {
                raw.quic.recv(&mut buf[..sent.len], info).unwrap();
                is_idle = false;
            }
        }
        while raw.h3.poll(&mut raw.quic).is_ok() {}
        while let Ok(len) = raw.h3.recv_body(&mut raw.quic, stream, &mut buf) {
            body.extend_from_slice(&buf[..len]);
        }
        if is_idle {
            let timers = [raw.quic.timeout_instant(), raw.server.poll_timeout()];
            let due = timers.into_iter().flatten().min().unwrap();
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            raw.quic.on_timeout();
            raw.server.handle_timeout(Instant::now());
        }
        assert!(!raw.quic.is_closed(), "{} bytes", body.len());
    }
    assert!(body == content(SIZE));
    assert_eq!(raw.server.stats().connections.migrations, 1);
    let mut paths = raw.quic.path_stats();
    let path = paths.find(|path| path.local_addr == moved).unwrap();
    assert_eq!(format!("{:?}", path.validation_state), "Validated");
}

//! A NAT moves a client's binding: what is on the way to the old address is lost.

use std::net::SocketAddr;

use super::world::{Pki, World, content, files};

const MIB: usize = 1 << 20;

/// Another port, and every third time another address.
fn elsewhere(nth: u16) -> SocketAddr {
    let host = 7 + u8::try_from(nth / 3).unwrap();
    SocketAddr::from(([198, 51, 100, host], 20_000 + nth))
}

#[test]
fn a_download_outlives_any_number_of_rebindings() {
    const MOVES: u16 = 10;
    let (pki, dir) = (Pki::new(), files(&[12 * MIB]));
    let mut world = World::serve(&pki, dir.path());
    let at = world.connect(&pki.client());
    let id = world.peers[at].client.get(&format!("/{}", 12 * MIB), None);
    for nth in 1..=MOVES {
        let before = world.peers[at].bodies.get(&id).map_or(0, Vec::len);
        world.run("some more", |world| {
            let body = world.peers[at].bodies.get(&id);
            body.is_some_and(|body| body.len() > before + MIB / 2)
        });
        // A window of data is on the wire, and goes nowhere.
        world.send_all();
        world.peers[at].rebind(elsewhere(nth));
        world.run("the move is noticed", |world| {
            world.server.stats().connections.migrations == u64::from(nth)
        });
    }
    world.run("the rest", |world| world.peers[at].is_done());
    assert!(world.peers[at].take(id).1 == content(12 * MIB));
    world.close();
}

//! Attacks on the QUIC endpoints, as lists of operations: see `udp_datagram` and its modules for what each byte means.
//! Written out here and not by them, so that the files don't depend on what a build has in it.

use super::insiders;

pub(super) const HONEST_CLIENT: u8 = 0x80;
const STRANGERS: u8 = 0;
const PATH: u8 = 1;
pub(super) const INSIDER_CLIENT: u8 = 2;
pub(super) const INSIDER_SERVER: u8 = 3;

/// All of them, by what they show.
pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    [
        strangers(),
        path(),
        insiders::clients(),
        insiders::servers(),
    ]
    .concat()
}

pub(super) fn block(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).expect("seeds are short");
    [&len.to_be_bytes(), bytes].concat()
}

pub(super) fn attack(first: u8, operations: &[Vec<u8>]) -> Vec<u8> {
    [vec![first], operations.concat()].concat()
}

/// A stranger's first packet with these frames.
fn initial(stranger: u8, flags: u8, dcid: &[u8], frames: &[u8]) -> Vec<u8> {
    let scid = [7, 1, 2, 3, 4, 5, 6, 7];
    let mut operation = vec![2, stranger, flags, dcid.len() as u8];
    operation.extend(dcid);
    operation.extend(scid);
    operation.extend([0]);
    operation.extend(block(frames));
    operation
}

fn strangers() -> Vec<(&'static str, Vec<u8>)> {
    let payload = |bytes: &[u8]| [vec![1, 5], block(bytes)].concat();
    let padded = |bytes: &[u8]| [vec![3, 6], block(bytes)].concat();
    let ping = initial(1, 0, b"8 bytes.", &[1]);
    // CRYPTO at offset 0: the beginning of a ClientHello that says it is longer.
    let crypto = initial(2, 0, b"8 bytes!", &[6, 0, 6, 1, 0, 1, 0, 3, 3]);
    let close = initial(3, 0, b"8 bytes?", &[0x1c, 0, 0, 0]);
    let others: Vec<Vec<u8>> = (0..9)
        .map(|which| initial(which, 0, &[which; 8], &[1]))
        .collect();
    vec![
        (
            "noise",
            attack(
                STRANGERS,
                &[payload(b"hello"), payload(&[0x40; 30]), payload(&[])],
            ),
        ),
        (
            "frame",
            attack(
                STRANGERS,
                &[[vec![0], block(&super::frames::udp4(&[0x40; 20]))].concat()],
            ),
        ),
        (
            "unknown-version",
            attack(
                STRANGERS,
                &[padded(&[0xc0, 0xfa, 0xce, 0xb0, 0x0c, 2, 1, 2, 1, 3])],
            ),
        ),
        (
            "version-negotiation",
            attack(STRANGERS, &[padded(&[0xc0, 0, 0, 0, 0, 2, 1, 2, 1, 3])]),
        ),
        (
            "initial-garbled",
            attack(
                STRANGERS,
                &[padded(&[
                    0xc0, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x44, 0x80,
                ])],
            ),
        ),
        (
            "handshake-packet",
            attack(
                STRANGERS,
                &[padded(&[
                    0xe0, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0x44, 0x80,
                ])],
            ),
        ),
        (
            "initial-ping",
            attack(STRANGERS | HONEST_CLIENT, std::slice::from_ref(&ping)),
        ),
        (
            "initial-crypto",
            attack(STRANGERS | HONEST_CLIENT, &[crypto]),
        ),
        ("initial-close", attack(STRANGERS, &[close])),
        (
            "initial-short",
            attack(STRANGERS, &[initial(1, 2, b"8 bytes.", &[1])]),
        ),
        (
            "initial-short-id",
            attack(STRANGERS, &[initial(1, 0, b"7 bytes", &[1])]),
        ),
        (
            "initial-other-version",
            attack(STRANGERS, &[initial(1, 5, b"8 bytes.", &[1])]),
        ),
        (
            "initial-twice-and-late",
            attack(
                STRANGERS,
                &[ping.clone(), ping, vec![4, 0xff], vec![4, 0xff]],
            ),
        ),
        ("initial-crowd", attack(STRANGERS | HONEST_CLIENT, &others)),
    ]
}

fn path() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("path-faithful", attack(PATH, &[])),
        ("path-lost", attack(PATH, &[vec![0, 0, 3, 0, 0, 3]])),
        ("path-repeated", attack(PATH, &[vec![4; 12]])),
        (
            "path-reordered",
            attack(PATH, &[vec![5, 0, 5, 0, 5, 5, 0, 0]]),
        ),
        (
            "path-spoilt",
            attack(
                PATH,
                &[vec![0, 6, 0, 9, 1, 6, 4, 0, 0x80, 0, 6, 0, 0, 0x40]],
            ),
        ),
        (
            "path-cut",
            attack(PATH, &[vec![0, 7, 1, 0, 0, 7, 0, 20, 7, 0, 0]]),
        ),
        (
            "path-longer",
            attack(PATH, &[vec![8, 3, 1, 2, 3, 0, 8, 2, 0x40, 0]]),
        ),
        (
            "path-other-port",
            attack(PATH, &[vec![0, 0, 0, 0, 9, 0x23, 0x28, 0, 9, 0x23, 0x29]]),
        ),
    ]
}

//! What a peer that has shaken hands sends under the right keys: HTTP/3 in pieces, and QUIC frames of every kind.

use super::datagrams::{HONEST_CLIENT, INSIDER_CLIENT, INSIDER_SERVER, attack, block};

/// A chunk of a stream, FIN with the stream's upper bit.
fn stream(which: u8, data: &[u8]) -> Vec<u8> {
    [vec![2, which], block(data)].concat()
}

fn frames(frames: &[u8]) -> Vec<u8> {
    [vec![0], block(frames)].concat()
}

const FIN: u8 = 0x80;

/// HTTP/3's HEADERS for "GET https: /wire_parse/udp4 server.test", its fields literal or from QPACK's static table.
fn request() -> Vec<u8> {
    let mut fields = vec![0, 0, 0xd1, 0xd7];
    fields.extend([0x51, 16]);
    fields.extend(b"/wire_parse/udp4");
    fields.extend([0x50, 11]);
    fields.extend(b"server.test");
    [vec![1, fields.len() as u8], fields].concat()
}

/// From a client to a server.
pub(super) fn clients() -> Vec<(&'static str, Vec<u8>)> {
    // The client's control stream, and SETTINGS with nothing in it.
    let control = stream(2, &[0, 4, 0]);
    let get = stream(FIN, &request());
    let moved = [vec![6, 3], block(&[1])].concat();
    vec![
        ("client-ping", attack(INSIDER_CLIENT, &[frames(&[1])])),
        (
            "client-get",
            attack(
                INSIDER_CLIENT | HONEST_CLIENT,
                &[control.clone(), get.clone()],
            ),
        ),
        (
            "client-get-in-pieces",
            attack(
                INSIDER_CLIENT,
                &[
                    control.clone(),
                    stream(0, &request()[..9]),
                    stream(FIN, &request()[9..]),
                ],
            ),
        ),
        (
            "client-data-first",
            attack(
                INSIDER_CLIENT,
                &[control.clone(), stream(FIN, &[0, 2, 1, 1])],
            ),
        ),
        (
            "client-settings-twice",
            attack(INSIDER_CLIENT, &[control.clone(), stream(2, &[4, 0])]),
        ),
        (
            "client-qpack-streams",
            attack(
                INSIDER_CLIENT,
                &[stream(6, &[2, 0x3f, 0xe1, 0x1f]), stream(10, &[3, 0x80])],
            ),
        ),
        (
            "client-push-stream",
            attack(INSIDER_CLIENT, &[control.clone(), stream(14, &[1, 0])]),
        ),
        (
            "client-goaway",
            attack(INSIDER_CLIENT, &[control.clone(), stream(2, &[7, 1, 0])]),
        ),
        (
            "client-reset",
            attack(
                INSIDER_CLIENT,
                &[
                    control.clone(),
                    get.clone(),
                    frames(&[4, 0, 1, 0x40, 40]),
                    frames(&[5, 0, 2]),
                ],
            ),
        ),
        (
            "client-new-ids",
            attack(
                INSIDER_CLIENT,
                &[
                    frames(&[[0x18, 1, 0, 8].as_slice(), &[9; 24]].concat()),
                    frames(&[0x19, 0]),
                ],
            ),
        ),
        (
            "client-ack-unsent",
            attack(INSIDER_CLIENT, &[frames(&[2, 0x40, 99, 0, 0, 0])]),
        ),
        (
            "client-windows",
            attack(
                INSIDER_CLIENT,
                &[
                    frames(&[0x10, 0x7f, 0xff]),
                    frames(&[0x11, 0, 0x7f, 0xff]),
                    frames(&[0x14, 0, 0x15, 0, 0, 0x16, 0]),
                ],
            ),
        ),
        (
            "client-path-challenge",
            attack(
                INSIDER_CLIENT,
                &[
                    frames(&[0x1a, 1, 2, 3, 4, 5, 6, 7, 8]),
                    moved.clone(),
                    moved,
                ],
            ),
        ),
        (
            "client-close",
            attack(
                INSIDER_CLIENT,
                &[control, get, frames(&[0x1d, 0, 2, b'o', b'k'])],
            ),
        ),
        (
            "client-unknown-frame",
            attack(INSIDER_CLIENT, &[frames(&[0x2f, 1, 2]), vec![7, 0xff]]),
        ),
    ]
}

/// From a server to a client.
pub(super) fn servers() -> Vec<(&'static str, Vec<u8>)> {
    let control = stream(3, &[0, 4, 0]);
    // HEADERS with ":status: 200" and "content-length: 0" from the static table; then with DATA behind.
    let empty = stream(FIN, &[1, 4, 0, 0, 0xd9, 0xc4]);
    let body = stream(FIN, &[1, 3, 0, 0, 0xd9, 0, 4, b'd', b'a', b't', b'a']);
    vec![
        ("server-ping", attack(INSIDER_SERVER, &[frames(&[1])])),
        (
            "server-empty",
            attack(INSIDER_SERVER, &[control.clone(), empty]),
        ),
        (
            "server-body",
            attack(INSIDER_SERVER, &[control.clone(), body.clone()]),
        ),
        (
            "server-data-first",
            attack(INSIDER_SERVER, &[control.clone(), stream(0, &[0, 1, 1])]),
        ),
        (
            "server-goaway",
            attack(
                INSIDER_SERVER,
                &[control.clone(), stream(3, &[7, 1, 0]), body],
            ),
        ),
        (
            "server-reset",
            attack(INSIDER_SERVER, &[control.clone(), frames(&[4, 0, 1, 0])]),
        ),
        (
            "server-push-promise",
            attack(
                INSIDER_SERVER,
                &[control.clone(), stream(0, &[5, 3, 0, 0, 0])],
            ),
        ),
        (
            "server-bidi-stream",
            attack(INSIDER_SERVER, &[control, stream(1, &[1, 2, 0, 0])]),
        ),
        (
            "server-new-token",
            attack(INSIDER_SERVER, &[frames(&[7, 2, 1, 1]), frames(&[0x1e])]),
        ),
        (
            "server-close",
            attack(INSIDER_SERVER, &[frames(&[0x1c, 2, 0, 0]), vec![7, 0xff]]),
        ),
        (
            "server-elsewhere",
            attack(INSIDER_SERVER, &[[vec![6, 1], block(&[1])].concat()]),
        ),
    ]
}

//! Attacks on the QUIC endpoints, as lists of operations: see `udp_datagram` and its modules for what each byte means.
//! Written out here and not by them, so that the files don't depend on what a build has in it.

const HONEST_CLIENT: u8 = 0x80;
const STRANGERS: u8 = 0;
const PATH: u8 = 1;
const INSIDER_CLIENT: u8 = 2;
const INSIDER_SERVER: u8 = 3;

/// All of them, by what they show.
pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    [strangers(), path(), insider_client(), insider_server()].concat()
}

fn block(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).expect("seeds are short");
    [&len.to_be_bytes(), bytes].concat()
}

fn attack(first: u8, operations: &[Vec<u8>]) -> Vec<u8> {
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

fn insider_client() -> Vec<(&'static str, Vec<u8>)> {
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

fn insider_server() -> Vec<(&'static str, Vec<u8>)> {
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

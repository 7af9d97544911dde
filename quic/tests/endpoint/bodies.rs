//! Request bodies in DATA frames that a client may send, or must not.

use quiche::h3;

use super::handlers::{post, raw};

/// DATA frames with these payloads.
fn frames(payloads: &[&[u8]]) -> Vec<u8> {
    let frame = |payload: &&[u8]| [&[0, payload.len() as u8], *payload].concat();
    payloads.iter().flat_map(frame).collect()
}

#[test]
fn a_body_may_have_empty_frames() {
    let mut many: Vec<&[u8]> = vec![b""; 1000];
    many.push(b"end");
    let bodies: [&[&[u8]]; 5] = [
        &[b"", b"hello"],
        &[b"hel", b"", b"lo"],
        &[b"hello", b""],
        &[b""],
        &many,
    ];
    for body in bodies {
        let bytes = frames(body);
        for (cut, fin_alone) in [(bytes.len(), false), (bytes.len(), true), (1, true)] {
            let mut raw = raw(true);
            let stream = raw.send(&post("/echo"), false);
            let last = bytes.len().div_ceil(cut) - 1;
            for (at, piece) in bytes.chunks(cut).enumerate() {
                let fin = at == last && !fin_alone;
                assert_eq!(raw.quic.stream_send(stream, piece, fin), Ok(piece.len()));
                raw.exchange();
            }
            if fin_alone {
                raw.quic.stream_send(stream, b"", true).unwrap();
            }
            let answer = raw.finish(stream);
            let what = format!("{:?} by {cut}, {fin_alone}", &body[..body.len().min(4)]);
            assert_eq!(answer.body, body.concat(), "{what}");
            raw.exchange();
            let resets = raw.quic.stats().reset_stream_count_remote;
            assert_eq!((resets, raw.quic.peer_error()), (0, None), "{what}");
        }
    }
}

#[test]
fn a_body_without_end_of_empty_frames_is_given_up() {
    let mut raw = raw(true);
    let stream = raw.send(&post("/echo"), false);
    raw.exchange();
    let empty: &[u8] = b"";
    let bytes = frames(&[empty; 1100]);
    assert_eq!(raw.quic.stream_send(stream, &bytes, true), Ok(bytes.len()));
    raw.exchange();
    raw.exchange();
    let reset = |(_, event): (u64, h3::Event)| matches!(event, h3::Event::Reset(_));
    assert!(raw.events().into_iter().any(reset));
    assert_eq!((raw.alive(), raw.quic.peer_error()), (0, None));
}

/// Also where quiche does not close it. (It takes a cut-off frame for the end of a request, unless
/// the answer has arrived.)
#[test]
fn what_is_no_frame_ends_the_connection_and_its_exchanges() {
    let unexpected = h3::WireErrorCode::FrameUnexpected as u64;
    let cut_off = h3::WireErrorCode::FrameError as u64;
    // After a body that is read, and after an answer that has arrived.
    for (path, bytes, fin, code) in [
        ("/echo", &[0, 3, 1, 2, 3, 4, 0][..], false, unexpected),
        ("/early", &[0], true, cut_off),
    ] {
        let mut raw = raw(true);
        let other = raw.send(&post("/later"), true);
        let stream = raw.send(&post(path), false);
        for _ in 0..3 {
            raw.exchange();
        }
        raw.events();
        raw.exchange();
        assert_eq!(raw.quic.stream_send(stream, bytes, fin), Ok(bytes.len()));
        raw.exchange();
        let what = format!("{path} {bytes:?}, beside {other}");
        let error = raw.quic.peer_error().map(|it| (it.is_app, it.error_code));
        assert_eq!(error, Some((true, code)), "{what}");
        let counters = raw.server.application().counters();
        assert_eq!((counters.protocol_errors, raw.alive()), (1, 0), "{what}");
    }
}

//! Responses in every split of frames and bytes that a server could send.

use fastrand::Rng;
use xskit_quic::client::RequestError;

use super::odd::{Odd, Told};

/// One frame of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    /// DATA of this many bytes.
    Data(usize),
    /// A frame of this many bytes of a type that must be ignored (RFC 9114, section 7.2.8).
    Unknown(usize),
    /// HEADERS without pseudo-header fields: trailers.
    Trailers,
}
use Frame::{Data, Trailers, Unknown};

/// A final response's header, `:status: 200` (static table, index 25), without a content-length.
const HEADERS: [u8; 5] = [1, 3, 0, 0, 0xc0 | 25];
/// `:status: 103` (index 24), as an interim response.
const INTERIM: [u8; 5] = [1, 3, 0, 0, 0xc0 | 24];

/// Ways to cut a response into the pieces that arrive at once.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Whole,
    Frames,
    Bytes,
    /// Anywhere, by the generator of this seed.
    Anywhere(u64),
}

impl Frame {
    /// Its bytes, a body's counted up from `next`. The length is written in two bytes if `long`.
    fn bytes(self, next: &mut u8, long: bool) -> Vec<u8> {
        let (kind, len) = match self {
            Data(len) => (0, len),
            Unknown(len) => (0x21, len),
            Trailers => return vec![1, 7, 0, 0, 0x23, b'a', b'-', b'b', 0],
        };
        let mut bytes = vec![kind];
        match u8::try_from(len) {
            Ok(len) if len < 64 && !long => bytes.push(len),
            _ => bytes.extend([0x40 | (len >> 8) as u8, len as u8]),
        }
        for _ in 0..len {
            bytes.push(*next);
            *next = next.wrapping_add(u8::from(kind == 0));
        }
        bytes
    }
}

/// Has the server send these frames after a header section. Returns what the client reported.
fn answer(odd: &mut Odd, frames: &[Frame], cut: Cut, fin_alone: bool) -> Told {
    let (id, stream) = odd.get("/");
    let mut next = 0;
    let mut pieces: Vec<Vec<u8>> = vec![HEADERS.to_vec()];
    let long = matches!(cut, Cut::Anywhere(seed) if seed % 2 == 1);
    pieces.extend(frames.iter().map(|frame| frame.bytes(&mut next, long)));
    let whole = pieces.concat();
    match cut {
        Cut::Whole => pieces = vec![whole],
        Cut::Frames => {}
        Cut::Bytes => pieces = whole.iter().map(|byte| vec![*byte]).collect(),
        Cut::Anywhere(seed) => {
            let mut rng = Rng::with_seed(seed);
            pieces.clear();
            let mut rest = whole.as_slice();
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(1 + rng.usize(..rest.len().min(40)));
                pieces.push(piece.to_vec());
                rest = more;
            }
        }
    }
    if fin_alone {
        pieces.push(Vec::new());
    }
    let last = pieces.len() - 1;
    for (at, piece) in pieces.iter().enumerate() {
        odd.say(stream, piece, at == last);
    }
    odd.told.remove(&id).unwrap_or_default()
}

#[track_caller]
fn assert_whole(odd: &mut Odd, frames: &[Frame], cut: Cut, fin_alone: bool) {
    let told = answer(odd, frames, cut, fin_alone);
    let count = frames.iter().map(|frame| match frame {
        Data(len) => *len,
        _ => 0,
    });
    let body: Vec<u8> = (0..count.sum::<usize>()).map(|at| at as u8).collect();
    let first = &frames[..frames.len().min(12)];
    let what = format!("{first:?} {cut:?}, the end alone: {fin_alone}: {told:?}");
    assert_eq!(odd.end, None, "{what}");
    assert_eq!((told.status, &told.failed), (Some(200), &None), "{what}");
    assert!(told.finished && told.body == body, "{what}");
}

#[test]
fn a_response_arrives_whole_however_it_is_framed_and_cut() {
    let mut odd = Odd::connect(|_| {}, |_| {});
    let kinds = [Data(0), Data(1), Data(10), Unknown(0), Unknown(3)];
    for count in 0..=3 {
        for which in 0..kinds.len().pow(count) {
            let frames: Vec<Frame> = (0..count)
                .map(|at| kinds[which / kinds.len().pow(at) % kinds.len()])
                .collect();
            for fin_alone in [false, true] {
                for cut in [Cut::Whole, Cut::Frames, Cut::Bytes] {
                    assert_whole(&mut odd, &frames, cut, fin_alone);
                }
            }
        }
    }
}

#[test]
fn so_do_longer_ones_with_trailers() {
    let mut odd = Odd::connect(|_| {}, |_| {});
    for seed in 0..100 {
        let mut rng = Rng::with_seed(seed);
        let mut frames: Vec<Frame> = (0..rng.usize(..12))
            .map(|_| match rng.usize(..4) {
                0 => Data(0),
                1 => Data(rng.usize(..70)),
                2 => Data(rng.usize(..3000)),
                _ => Unknown(rng.usize(..70)),
            })
            .collect();
        if seed % 3 == 0 {
            frames.push(Trailers);
        }
        assert_whole(&mut odd, &frames, Cut::Anywhere(seed), seed % 5 == 0);
    }
}

#[test]
fn a_thousand_empty_frames_are_no_stall_and_more_are_no_response() {
    let mut odd = Odd::connect(|_| {}, |_| {});
    let mut frames = vec![Data(0); 1000];
    frames.push(Data(10));
    assert_whole(&mut odd, &frames, Cut::Whole, false);
    frames.insert(0, Data(0));
    let told = answer(&mut odd, &frames, Cut::Whole, false);
    assert_eq!(told.failed, Some(RequestError::Malformed), "{told:?}");
    assert_eq!(odd.end, None);
}

#[test]
fn interim_responses_come_before_the_final_one() {
    let mut odd = Odd::connect(|_| {}, |_| {});
    let (id, stream) = odd.get("/");
    odd.say(stream, &INTERIM, false);
    odd.say(stream, &[&INTERIM[..], &HEADERS, &[0, 1, 7]].concat(), true);
    let told = &odd.told[&id];
    assert_eq!((told.status, told.finished), (Some(200), true), "{told:?}");
    assert_eq!(told.body, [7]);
}

#[test]
fn what_is_out_of_place_makes_no_response() {
    let mut odd = Odd::connect(|_| {}, |_| {});
    let data = [0, 1, 7];
    let trailers = Trailers.bytes(&mut 0, false);
    for bytes in [
        data.to_vec(),
        [&data[..], &HEADERS].concat(),
        [&INTERIM[..], &data, &HEADERS].concat(),
        [&HEADERS[..], &data, &trailers, &data].concat(),
        [&HEADERS[..], &data, &trailers, &trailers].concat(),
        [&HEADERS[..], &data, &trailers, &HEADERS].concat(),
        // Trailers have no pseudo-header fields.
        [&HEADERS[..], &data, &HEADERS].concat(),
    ] {
        for cut in [bytes.len(), 1] {
            let (id, stream) = odd.get("/");
            for piece in bytes.chunks(cut) {
                // The client may have asked it to stop.
                let _ = odd.quic.stream_send(stream, piece, false);
                odd.exchange();
            }
            let _ = odd.quic.stream_send(stream, b"", true);
            odd.exchange();
            let told = odd.told.remove(&id).unwrap_or_default();
            let what = format!("{bytes:?} by {cut}: {told:?}");
            assert_eq!(told.failed, Some(RequestError::Malformed), "{what}");
            assert!(!told.finished, "{what}");
        }
    }
    assert_eq!(odd.end, None);
}

#[test]
fn a_response_cut_off_anywhere_is_told() {
    let mut odd = Odd::connect(|_| {}, |_| {});
    let whole = [&HEADERS[..], &[0, 0], &[0, 3, 1, 2, 3], &[0, 0]].concat();
    for len in 0..=whole.len() {
        let (id, stream) = odd.get("/");
        odd.say(stream, &whole[..len], false);
        odd.quic
            .stream_shutdown(stream, quiche::Shutdown::Write, 0x102)
            .unwrap();
        odd.exchange();
        let told = odd.told.remove(&id).unwrap_or_default();
        let failed = told.failed.as_ref();
        assert!(
            matches!(failed, Some(RequestError::Reset { code: 0x102, .. })),
            "after {len} bytes: {told:?}"
        );

        let (id, stream) = odd.get("/");
        odd.say(stream, &whole[..len], true);
        let told = odd.told.remove(&id).unwrap_or_default();
        match len {
            5 | 7 | 12 | 14 => assert!(told.finished, "after {len} bytes: {told:?}"),
            // quiche takes the end inside of a DATA frame for the response's end.
            9..12 => {}
            _ => {
                let failed = told.failed.as_ref();
                assert_eq!(failed, Some(&RequestError::Malformed), "after {len} bytes");
            }
        }
    }
    assert_eq!(odd.end, None);
}

#[test]
fn a_reset_that_a_read_comes_upon_is_told() {
    let mut odd = Odd::connect(|_| {}, |_| {});
    let (id, stream) = odd.get("/");
    odd.say(stream, &[&HEADERS[..], &[0, 10, 1, 2, 3]].concat(), false);
    odd.quic
        .stream_shutdown(stream, quiche::Shutdown::Write, 0x102)
        .unwrap();
    odd.deliver();
    assert_eq!(odd.client.read_body(id, &mut [0; 10]), 0);
    odd.exchange();
    let told = &odd.told[&id];
    let reset = RequestError::Reset {
        code: 0x102,
        received: 3,
    };
    assert_eq!(told.failed, Some(reset), "{told:?}");
    assert!(!told.finished);
}

/// quiche can't close the connection for what else is there.
#[test]
fn a_response_that_the_end_of_the_connection_leaves_unread_has_an_end() {
    let mut odd = Odd::connect(|_| {}, |_| {});
    let (id, stream) = odd.get("/");
    let goaway = [7, 4, 0, 0, 0, 0];
    let bytes = [&HEADERS[..], &[0, 1, 7], &goaway].concat();
    assert_eq!(odd.quic.stream_send(stream, &bytes, false), Ok(bytes.len()));
    odd.deliver();
    odd.quic.close(true, 0x100, b"").unwrap();
    odd.deliver();
    odd.exchange();
    let told = &odd.told[&id];
    assert_eq!(told.body, [7]);
    assert_eq!(told.failed, Some(RequestError::Malformed));
    assert!(odd.end.is_some());
}

#[test]
fn a_server_opens_no_bidirectional_stream() {
    let mut odd = Odd::connect(|_| {}, |_| {});
    let sent = odd.quic.stream_send(1, &HEADERS, false);
    assert_eq!(sent, Err(quiche::Error::StreamLimit));
}

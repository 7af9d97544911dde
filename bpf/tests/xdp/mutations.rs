//! Frames cut at every byte, and frames with bytes changed at random, against the oracle.

use fastrand::Rng;
use xskit_bpf::XdpProgram;

use crate::dry_run::{Verdict, verdict};
use crate::oracle::{Carries, read};
use crate::packet::*;
use crate::privilege;

/// The frames that are changed.
fn seeds() -> Vec<Vec<u8>> {
    vec![
        udp4(),
        udp6(),
        ipv4(&[1; 40], UDP, &udp(PORT, b"data")),
        tagged(TAG_C, &udp4()),
        tagged(TAG_S, &tagged(TAG_C, &udp6())),
        ipv4(&[], TCP, &[0; 20]),
        ipv6(
            44,
            &[&[17, 0, 0, 1, 0, 0, 0, 9][..], &udp(PORT, b"data")].concat(),
        ),
        ethernet(0x0806, &[0; 28]),
    ]
}

fn expected(frame: &[u8]) -> Verdict {
    match read(frame) {
        None => Verdict::Malformed,
        Some(Some(packet)) if packet.carries == Carries::Udp(PORT) => Verdict::NoSocket,
        Some(_) => Verdict::Passed,
    }
}

/// From the first byte to the last, and on through padding: malformed, then matched, and no other
/// verdict in between or after.
#[test]
fn a_datagram_is_malformed_until_it_is_whole() {
    if !privilege::held() {
        return;
    }
    let program = XdpProgram::load(1).unwrap();
    program.take(PORT, None).unwrap();
    for frame in seeds().into_iter().take(5) {
        let padded = [&frame[..], &[0; 50]].concat();
        for len in ETHERNET_LEN..=padded.len() {
            let whole = len >= frame.len();
            let expected = if whole {
                Verdict::NoSocket
            } else {
                Verdict::Malformed
            };
            assert_eq!(
                verdict(&program, &padded[..len]),
                expected,
                "{len} bytes of {padded:02x?}"
            );
        }
    }
}

/// Changes up to two header bytes, mostly slightly, and sometimes the length.
pub(crate) fn change(rng: &mut Rng, seed: &[u8]) -> Vec<u8> {
    let mut frame = seed.to_vec();
    for _ in 0..rng.usize(..3) {
        let at = 12 + rng.usize(..frame.len().min(82) - 12);
        frame[at] = match rng.usize(..4) {
            0 => rng.u8(..),
            1 => frame[at] ^ (1 << rng.usize(..8)),
            2 => frame[at].wrapping_add(1),
            _ => frame[at].wrapping_sub(1),
        };
    }
    match rng.usize(..6) {
        0 => frame.truncate(ETHERNET_LEN + rng.usize(..frame.len() - ETHERNET_LEN + 1)),
        1 => frame.resize(frame.len() + rng.usize(..40), 0x11),
        _ => {}
    }
    frame
}

#[test]
fn agrees_with_the_oracle_on_changed_frames() {
    if !privilege::held() {
        return;
    }
    let program = XdpProgram::load(1).unwrap();
    program.take(PORT, None).unwrap();
    let seeds = seeds();
    let mut rng = Rng::with_seed(0x9e37_79b9_7f4a_7c15);
    let mut seen = [0u32; 3];
    for _ in 0..30_000 {
        let seed = rng.usize(..seeds.len());
        let frame = change(&mut rng, &seeds[seed]);
        let expected = expected(&frame);
        assert_eq!(verdict(&program, &frame), expected, "{frame:02x?}");
        seen[expected as usize - 1] += 1;
    }
    // Otherwise the changes are too timid, or too wild, to say anything.
    assert!(seen.iter().all(|&count| count > 3_000), "{seen:?}");
}

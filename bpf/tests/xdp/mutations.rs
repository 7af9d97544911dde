//! Frames cut at every byte, and frames with bytes changed at random, against the oracle.

use xskit_bpf::XdpProgram;

use crate::dry_run::{Verdict, verdict};
use crate::oracle::{Carries, read};
use crate::packet::*;
use crate::privilege;
use crate::random::Random;

/// What the fixtures are about, and what is changed in them.
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

/// From the first byte to the last, and on through padding: malformed, then matched, and nothing in between or after.
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

#[test]
fn agrees_with_the_oracle_on_changed_frames() {
    if !privilege::held() {
        return;
    }
    let program = XdpProgram::load(1).unwrap();
    program.take(PORT, None).unwrap();
    let seeds = seeds();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut seen = [0u32; 3];
    for _ in 0..30_000 {
        let seed = random.below(seeds.len());
        let frame = random.change(&seeds[seed]);
        let expected = expected(&frame);
        assert_eq!(verdict(&program, &frame), expected, "{frame:02x?}");
        seen[expected as usize - 1] += 1;
    }
    // Otherwise the changes are too timid, or too wild, to say anything.
    assert!(seen.iter().all(|&count| count > 3_000), "{seen:?}");
}

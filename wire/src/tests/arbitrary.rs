//! Whatever comes: no panic, and what is taken keeps its promises.

use super::*;

/// Parses, and if it is taken, checks what holds of every datagram.
fn taken(frame: &[u8]) -> bool {
    let Ok(datagram) = Datagram::parse(frame, UdpChecksum::Ignore) else {
        assert!(Datagram::parse(frame, UdpChecksum::Verify).is_err());
        return false;
    };
    let range = datagram.payload_range();
    assert_eq!(datagram.payload(frame).map(<[u8]>::len), Some(range.len()));
    assert_eq!(datagram.source.is_ipv4(), datagram.destination.is_ipv4());
    assert!(
        range.start >= datagram.reply().header_len(),
        "options only add"
    );
    let mut reply = vec![0; 70_000];
    assert!(datagram.reply().emit(&mut reply, range.len()).is_ok());
    true
}

#[test]
fn random_bytes() {
    let mut rng = Rng::with_seed(6);
    for _ in 0..20_000 {
        let len = rng.usize(..150);
        let mut frame = noise(&mut rng, len);
        let _ = swap_addresses(&mut frame);
        taken(&frame);
        // Past the first check, to what random bytes hardly ever reach.
        for start in [
            &b"\x08\x00\x45"[..],
            b"\x86\xdd\x60",
            b"\x81\x00\x00\x01\x08\x00\x45",
            b"\x88\xa8\x00\x01\x81\x00\x00\x02\x86\xdd\x6f",
        ] {
            if let Some(place) = frame.get_mut(12..12 + start.len()) {
                place.copy_from_slice(start);
                taken(&frame);
            }
        }
    }
}

#[test]
fn valid_frames_with_some_bytes_changed() {
    let mut rng = Rng::with_seed(7);
    let (mut taken_count, mut refused_count) = (0, 0);
    for round in 0..30_000 {
        let version = [IpVersion::V4, IpVersion::V6][round % 2];
        let headers = headers(version, rng.usize(..3));
        let len = rng.usize(..40);
        let mut frame = emitted(&headers, &noise(&mut rng, len));
        for _ in 0..rng.usize(..4) {
            let at = rng.usize(..frame.len());
            frame[at] = rng.u8(..);
        }
        frame.truncate(frame.len() - [0, 0, 0, rng.usize(..frame.len())][rng.usize(..4)]);
        match taken(&frame) {
            true => taken_count += 1,
            false => refused_count += 1,
        }
    }
    assert!(
        taken_count > 5_000 && refused_count > 5_000,
        "{taken_count} {refused_count}"
    );
}

//! Arbitrary frames into the header parser, and its results through the writer again.

use xskit_wire::{
    Datagram, EmitError, IpVersion, Refusal, UdpChecksum, UdpHeaders, swap_addresses,
};

use crate::frame::{Layers, UDP_LEN, put_u16, u16_at};

/// In the first byte: correct the IPv4 checksum.
const FIX_IPV4: u8 = 1;
/// In the first byte: correct the UDP checksum.
const FIX_UDP: u8 = 2;

/// The first byte selects the checksums to correct (bit 0 the IPv4 header's, bit 1 UDP's); the
/// others are the frame.
///
/// # Panics
///
/// If the parser accepts a wrong frame or reports a wrong field, or the writer does not restore the
/// headers.
pub fn attack(input: &[u8]) {
    let Some((&fixes, frame)) = input.split_first() else {
        return;
    };
    let mut frame = frame.to_vec();
    if let Some(layers) = Layers::of(&frame) {
        if fixes & FIX_IPV4 != 0 {
            layers.set_ipv4_checksum(&mut frame);
        }
        if fixes & FIX_UDP != 0 {
            layers.set_udp_checksum(&mut frame);
        }
    }
    addresses_swap_back(&frame);
    match Datagram::parse(&frame, UdpChecksum::Ignore) {
        Ok(datagram) => {
            let layers = Layers::of(&frame).expect("it has the layers that were parsed");
            payload_is_inside(&layers, &datagram, &frame);
            checksums_are_told(&layers, &datagram, &frame);
            same_when_written_again(&layers, &datagram, &frame);
            reply_comes_back(&datagram, &frame);
        }
        Err(refusal) => {
            assert_eq!(Datagram::parse(&frame, UdpChecksum::Verify), Err(refusal));
            refused_for_its_checksum(&frame, refusal);
        }
    }
}

fn addresses_swap_back(frame: &[u8]) {
    let mut swapped = frame.to_vec();
    let done = swap_addresses(&mut swapped);
    assert_eq!(done.is_ok(), frame.len() >= 14);
    assert_eq!(swapped.get(14..), frame.get(14..));
    if done.is_ok() {
        assert_eq!(
            (&swapped[..6], &swapped[6..12]),
            (&frame[6..12], &frame[..6])
        );
    } else {
        assert_eq!(swapped, frame);
    }
}

/// The payload ends where UDP's length says: not behind the IP packet's end, which is not behind
/// the frame's.
fn payload_is_inside(layers: &Layers, datagram: &Datagram, frame: &[u8]) {
    let range = datagram.payload_range();
    assert_eq!(range.start, layers.udp + UDP_LEN);
    assert_eq!(
        range.len() + UDP_LEN,
        usize::from(u16_at(frame, layers.udp + 4).expect("the header is there"))
    );
    assert!(
        range.end <= layers.end && layers.end <= frame.len(),
        "{range:?} of {layers:?} in {}",
        frame.len()
    );
    assert_eq!(datagram.payload(frame), frame.get(range.clone()));
    let mut copy = frame.to_vec();
    assert_eq!(
        datagram.payload_mut(&mut copy).as_deref(),
        frame.get(range.clone())
    );
    // The frame cut before the payload's end is another frame.
    if let Some(shorter) = range.end.checked_sub(1) {
        assert_eq!(datagram.payload(&frame[..shorter]), None);
    }
    assert_eq!(datagram.version() == IpVersion::V4, layers.version == 4);
}

/// The parser passes exactly the checksums that a second implementation finds correct.
fn checksums_are_told(layers: &Layers, datagram: &Datagram, frame: &[u8]) {
    if let Some(right) = layers.ipv4_checksum(frame) {
        assert!(same_sum(
            right,
            u16_at(frame, layers.ip + 10).expect("the header is there")
        ));
    }
    let found = u16_at(frame, layers.udp + 6).expect("the header is there");
    let right = layers.udp_checksum(frame).expect("the datagram is whole");
    let expected = match (found, layers.version) {
        (0, 4) => Ok(*datagram),
        (0, _) => Err(Refusal::UdpChecksumMissing),
        (found, _) if same_sum(found, right) => Ok(*datagram),
        _ => Err(Refusal::UdpChecksum),
    };
    assert_eq!(Datagram::parse(frame, UdpChecksum::Verify), expected);
}

fn refused_for_its_checksum(frame: &[u8], refusal: Refusal) {
    if refusal == Refusal::Ipv4Checksum {
        let layers = Layers::of(frame).expect("its header was summed");
        let right = layers.ipv4_checksum(frame).expect("its header was summed");
        let found = u16_at(frame, layers.ip + 10).expect("its header was summed");
        assert!(!same_sum(right, found), "{frame:02x?}");
    }
}

/// Ones' complement has two zeros.
fn same_sum(a: u16, b: u16) -> bool {
    a == b || (a.min(b), a.max(b)) == (0, 0xffff)
}

/// Writing the headers again gives the same bytes, except those that
/// [`without_what_is_not_carried`] removes.
fn same_when_written_again(layers: &Layers, datagram: &Datagram, frame: &[u8]) {
    let headers = UdpHeaders {
        link: datagram.link,
        source: datagram.source,
        destination: datagram.destination,
        ecn: datagram.ecn,
        hop_limit: datagram.hop_limit,
    };
    let expected = without_what_is_not_carried(layers, &frame[..datagram.payload_range().end]);
    let payload = datagram
        .payload(frame)
        .expect("it was parsed from this frame");
    assert_eq!(headers.header_len() + payload.len(), expected.len());
    let mut written = [&vec![0xaa; headers.header_len()][..], payload].concat();
    assert_eq!(
        headers.emit(&mut written, payload.len()),
        Ok(expected.len())
    );
    assert_eq!(written, expected);

    let again = Datagram::parse(&written, UdpChecksum::Verify).expect("what is written is whole");
    assert_eq!(again.payload(&written), Some(payload));
    assert_eq!(
        (again.link, again.source, again.destination),
        (datagram.link, datagram.source, datagram.destination)
    );
    assert_eq!(
        (again.ecn, again.hop_limit),
        (datagram.ecn, datagram.hop_limit)
    );
    too_short_is_left_alone(&headers, payload.len());
}

/// A datagram as the writer gives it, without: IPv4 options, DSCP, identification, the reserved and
/// don't-fragment bits (always "don't fragment"); IPv6 DSCP and flow label; an IP payload longer
/// than the UDP datagram; a UDP checksum that was left out.
fn without_what_is_not_carried(layers: &Layers, frame: &[u8]) -> Vec<u8> {
    let Layers { version, ip, .. } = *layers;
    let fixed_len = if version == 4 { 20 } else { 40 };
    let datagram = &frame[layers.udp..];
    let datagram_len = u16::try_from(datagram.len()).expect("it came with a length of 16 bits");
    let mut bytes = [&frame[..ip + fixed_len], datagram].concat();
    if version == 4 {
        bytes[ip] = 0x45;
        bytes[ip + 1] &= 0b11;
        put_u16(&mut bytes, ip + 2, 20 + datagram_len);
        put_u16(&mut bytes, ip + 4, 0);
        put_u16(&mut bytes, ip + 6, 0x4000);
    } else {
        bytes[ip] &= 0xf0;
        bytes[ip + 1] &= 0b0011_0000;
        put_u16(&mut bytes, ip + 2, 0);
        put_u16(&mut bytes, ip + 4, datagram_len);
    }
    let layers = Layers::of(&bytes).expect("the headers are still there");
    layers.set_ipv4_checksum(&mut bytes);
    layers.set_udp_checksum(&mut bytes);
    bytes
}

fn too_short_is_left_alone(headers: &UdpHeaders, payload_len: usize) {
    let frame_len = headers.header_len() + payload_len;
    let mut frame = vec![0x55; frame_len - 1];
    let error = EmitError::FrameTooShort {
        len: frame.len(),
        frame_len,
    };
    assert_eq!(headers.emit(&mut frame, payload_len), Err(error));
    assert!(frame.iter().all(|byte| *byte == 0x55));
}

fn reply_comes_back(datagram: &Datagram, frame: &[u8]) {
    let reply = datagram.reply();
    let payload = datagram
        .payload(frame)
        .expect("it was parsed from this frame");
    let mut answer = [&vec![0; reply.header_len()][..], payload].concat();
    let len = reply
        .emit(&mut answer, payload.len())
        .expect("there is room");
    assert_eq!(len, answer.len());
    let read = Datagram::parse(&answer, UdpChecksum::Verify).expect("what is written is whole");
    assert_eq!(
        (read.source, read.destination),
        (datagram.destination, datagram.source)
    );
    assert_eq!(read.link, datagram.link.reply());
    assert_eq!(read.reply().link, datagram.link);
}

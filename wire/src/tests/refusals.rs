//! Each cause of refusal, and every truncation.

use std::string::{String, ToString};

use super::*;

/// Offsets in an untagged frame.
const IP: usize = 14;
const UDP_IN_V4: usize = IP + 20;
const UDP_IN_V6: usize = IP + 40;

fn v4() -> Vec<u8> {
    emitted(&headers(IpVersion::V4, 0), b"payload")
}

fn v6() -> Vec<u8> {
    emitted(&headers(IpVersion::V6, 0), b"payload")
}

fn verified(frame: &[u8]) -> Result<Datagram, Refusal> {
    Datagram::parse(frame, UdpChecksum::Verify)
}

fn unverified(frame: &[u8]) -> Result<Datagram, Refusal> {
    Datagram::parse(frame, UdpChecksum::Ignore)
}

/// Makes the IPv4 header's checksum right after a change.
fn sum_v4(frame: &mut [u8]) {
    frame[IP + 10..IP + 12].fill(0);
    let checksum = Checksum::new().bytes(&frame[IP..UDP_IN_V4]).finish();
    frame[IP + 10..IP + 12].copy_from_slice(&checksum.to_be_bytes());
}

fn refusal(frame: &[u8]) -> Refusal {
    let refusal = unverified(frame).expect_err("not well-formed");
    assert_eq!(verified(frame), Err(refusal));
    refusal
}

/// Checks the refusal of a frame with `value` at `at`; an IPv4 header is given its right checksum.
#[track_caller]
fn refused(mut frame: Vec<u8>, at: usize, value: &[u8], expected: Refusal) {
    frame[at..at + value.len()].copy_from_slice(value);
    if frame[12..14] == [0x08, 0x00] {
        sum_v4(&mut frame);
    }
    assert_eq!(refusal(&frame), expected, "{value:02x?} at {at}");
}

#[test]
fn every_truncation() {
    for version in [IpVersion::V4, IpVersion::V6] {
        for tag_count in 0..3 {
            let headers = headers(version, tag_count);
            let frame = emitted(&headers, b"payload");
            let (link, ip) = (headers.link.header_len(), version.header_len());
            for len in 0..frame.len() {
                let expected = match version {
                    _ if len < 14 => Refusal::TruncatedEthernet,
                    _ if len < link => Refusal::TruncatedVlan,
                    IpVersion::V4 if len < link + ip => Refusal::TruncatedIpv4,
                    IpVersion::V6 if len < link + ip => Refusal::TruncatedIpv6,
                    IpVersion::V4 => Refusal::Ipv4TotalLen(35),
                    IpVersion::V6 => Refusal::Ipv6PayloadLen(15),
                };
                let found = refusal(&frame[..len]);
                assert_eq!(found, expected, "{version:?} {tag_count} tags, {len}");
            }
        }
    }
}

#[test]
fn link() {
    let tagged = emitted(&headers(IpVersion::V4, 2), b"payload");
    for (tpid, expected) in [
        ([0x91, 0x00], Refusal::NotIp(EtherType(0x9100))),
        ([0x81, 0x00], Refusal::TooManyTags),
        ([0x88, 0xa8], Refusal::TooManyTags),
    ] {
        let third = [&tagged[..12], &tpid, b"\x00\x01", &tagged[12..]].concat();
        assert_eq!(refusal(&third), expected, "{tpid:02x?}");
    }
    for number in [0, 46, 0x05ff, 0x0806, 0x86dc, 0xffff_u16] {
        let expected = Refusal::NotIp(EtherType(number));
        refused(v4(), 12, &number.to_be_bytes(), expected);
    }
    // 35 bytes are no IPv6 header.
    refused(v4(), 12, &[0x86, 0xdd], Refusal::TruncatedIpv6);
    refused(v6(), 12, &[0x08, 0x00], Refusal::Ipv4Version(6));
    let long = emitted(&headers(IpVersion::V4, 0), b"as long as an IPv6 header");
    refused(long, 12, &[0x86, 0xdd], Refusal::Ipv6Version(4));
}

#[test]
fn ipv4() {
    for version in (0..16).filter(|version| *version != 4) {
        let expected = Refusal::Ipv4Version(version);
        refused(v4(), IP, &[version << 4 | 5], expected);
    }
    for ihl in 0..5 {
        refused(v4(), IP, &[0x40 | ihl], Refusal::Ipv4HeaderLen(ihl));
    }
    // 36 and 60 bytes of 35.
    refused(v4(), IP, &[0x49], Refusal::TruncatedIpv4);
    refused(v4(), IP, &[0x4f], Refusal::TruncatedIpv4);
    for len in [0, 19, 36, 0xffff_u16] {
        refused(v4(), IP + 2, &len.to_be_bytes(), Refusal::Ipv4TotalLen(len));
    }
    let below_options = [0x46, 0, 0, 23];
    refused(v4(), IP, &below_options, Refusal::Ipv4TotalLen(23));
    for bits in [0x2000_u16, 0x0001, 0x1fff, 0x3fff, 0x6000, 0x4001] {
        refused(v4(), IP + 6, &bits.to_be_bytes(), Refusal::Fragment);
    }
    for protocol in [0, 1, 6, 16, 18, 136, 255] {
        refused(v4(), IP + 9, &[protocol], Refusal::NotUdp(protocol));
    }
    for bit in 0..20 * 8 {
        let mut frame = v4();
        frame[IP + bit / 8] ^= 1 << (bit % 8);
        refusal(&frame);
    }
    // A TTL changed on the way.
    let mut frame = v4();
    frame[IP + 8] -= 1;
    assert_eq!(refusal(&frame), Refusal::Ipv4Checksum);
}

#[test]
fn ipv4_flags_of_a_whole_packet_are_taken() {
    for flags in [0x00, 0x40, 0x80, 0xc0] {
        let mut frame = v4();
        frame[IP + 6] = flags;
        sum_v4(&mut frame);
        assert!(verified(&frame).is_ok(), "{flags:#x}");
    }
}

#[test]
fn ipv6() {
    for version in (0..16).filter(|version| *version != 6) {
        refused(v6(), IP, &[version << 4], Refusal::Ipv6Version(version));
    }
    for len in [16, 0xffff_u16] {
        let expected = Refusal::Ipv6PayloadLen(len);
        refused(v6(), IP + 4, &len.to_be_bytes(), expected);
    }
    for number in [0, 43, 50, 51, 60, 135, 139, 140, 253, 254] {
        refused(v6(), IP + 6, &[number], Refusal::ExtensionHeader(number));
    }
    refused(v6(), IP + 6, &[44], Refusal::Fragment);
    for protocol in [1, 6, 16, 18, 58, 59, 255] {
        refused(v6(), IP + 6, &[protocol], Refusal::NotUdp(protocol));
    }
}

#[test]
fn udp() {
    for len in [0, 7, 16, 0xffff_u16] {
        let (bytes, expected) = (len.to_be_bytes(), Refusal::UdpLen(len));
        refused(v4(), UDP_IN_V4 + 4, &bytes, expected);
        refused(v6(), UDP_IN_V6 + 4, &bytes, expected);
    }
    for payload_len in 0..8 {
        refused(v4(), IP + 2, &[0, 20 + payload_len], Refusal::TruncatedUdp);
        refused(v6(), IP + 4, &[0, payload_len], Refusal::TruncatedUdp);
    }
}

#[test]
fn udp_within_a_longer_ip_payload_is_taken() {
    for (mut frame, udp) in [(v4(), UDP_IN_V4), (v6(), UDP_IN_V6)] {
        for udp_len in 8..=15 {
            frame[udp + 5] = udp_len;
            let range = unverified(&frame).expect("well-formed").payload_range();
            assert_eq!(range, udp + 8..udp + usize::from(udp_len));
        }
    }
}

#[test]
fn udp_checksum_only_if_asked() {
    for (frame, udp) in [(v4(), UDP_IN_V4), (v6(), UDP_IN_V6)] {
        let expected = verified(&frame).expect("well-formed");
        for bit in udp * 8 + 48..frame.len() * 8 {
            let mut frame = frame.clone();
            frame[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verified(&frame), Err(Refusal::UdpChecksum), "{bit}");
            assert_eq!(unverified(&frame), Ok(expected), "{bit}");
        }
        // Addresses are covered too.
        let mut readdressed = frame.clone();
        readdressed[udp - 1] ^= 1;
        if udp == UDP_IN_V4 {
            sum_v4(&mut readdressed);
        }
        assert_eq!(verified(&readdressed), Err(Refusal::UdpChecksum));

        let mut unsummed = frame.clone();
        unsummed[udp + 6..udp + 8].fill(0);
        let verdict = match udp {
            UDP_IN_V4 => Ok(expected),
            _ => Err(Refusal::UdpChecksumMissing),
        };
        assert_eq!(verified(&unsummed), verdict);
        assert_eq!(unverified(&unsummed), Ok(expected));
    }
}

#[test]
fn texts_tell_the_causes_apart() {
    let refusals = [
        Refusal::TruncatedEthernet,
        Refusal::TruncatedVlan,
        Refusal::TooManyTags,
        Refusal::NotIp(EtherType(0x0806)),
        Refusal::TruncatedIpv4,
        Refusal::Ipv4Version(6),
        Refusal::Ipv4HeaderLen(4),
        Refusal::Ipv4TotalLen(19),
        Refusal::Ipv4Checksum,
        Refusal::Fragment,
        Refusal::TruncatedIpv6,
        Refusal::Ipv6Version(4),
        Refusal::Ipv6PayloadLen(16),
        Refusal::ExtensionHeader(43),
        Refusal::NotUdp(6),
        Refusal::TruncatedUdp,
        Refusal::UdpLen(7),
        Refusal::UdpChecksum,
        Refusal::UdpChecksumMissing,
    ];
    let texts: std::collections::BTreeSet<String> =
        refusals.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), refusals.len());
    assert_eq!(refusals[3].to_string(), "not IP: Ethernet type 0x0806");
}

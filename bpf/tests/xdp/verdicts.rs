//! One fixture for every branch of the program.

use crate::dry_run::{Verdict, verdict};
use crate::packet::*;
use crate::privilege;

const IP: usize = ETHERNET_LEN;
const UDP_IN_V4: usize = IP + 20;
const UDP_IN_V6: usize = IP + 40;

/// Checks a program that takes [`PORT`] at any address and has no socket, so that a match shows as
/// [`Verdict::NoSocket`].
fn check(cases: impl IntoIterator<Item = (&'static str, Vec<u8>)>, expected: Verdict) {
    let Some(program) = privilege::program() else {
        return;
    };
    program.take(PORT, None).unwrap();
    for (what, frame) in cases {
        assert_eq!(verdict(&program, &frame), expected, "{what}: {frame:02x?}");
    }
}

/// UDP over IPv4, and over IPv6, with a 16-bit field set.
fn udp4_with(offset: usize, value: u16) -> Vec<u8> {
    with_u16(udp4(), offset, value)
}

fn udp6_with(offset: usize, value: u16) -> Vec<u8> {
    with_u16(udp6(), offset, value)
}

#[test]
fn matches_whole_datagrams() {
    let padded = |mut frame: Vec<u8>| {
        frame.resize(60.max(frame.len() + 7), 0xee);
        frame
    };
    let with_options = |options: &[u8]| ipv4(options, UDP, &udp(PORT, b"data"));
    let cases = [
        ("IPv4", udp4()),
        ("IPv6", udp6()),
        ("no data, IPv4", ipv4(&[], UDP, &udp(PORT, b""))),
        ("no data, IPv6", ipv6(UDP, &udp(PORT, b""))),
        ("padded, IPv4", padded(ipv4(&[], UDP, &udp(PORT, b"x")))),
        ("padded, IPv6", padded(udp6())),
        ("options of 4 bytes", with_options(&[1; 4])),
        ("options of 40 bytes", with_options(&[1; 40])),
        ("C-tag", tagged(TAG_C, &udp4())),
        ("S-tag", tagged(TAG_S, &udp6())),
        ("S-tag and C-tag", tagged(TAG_S, &tagged(TAG_C, &udp4()))),
        ("C-tag and C-tag", tagged(TAG_C, &tagged(TAG_C, &udp6()))),
        ("don't-fragment off", udp4_with(IP + 6, 0)),
        ("reserved fragment bit", udp4_with(IP + 6, 0x8000)),
        ("UDP shorter than its packet", udp4_with(UDP_IN_V4 + 4, 8)),
    ];
    check(cases, Verdict::NoSocket);
}

#[test]
fn passes_what_is_not_a_whole_datagram_to_the_port() {
    let data = udp(PORT, b"data");
    let (other, swapped) = (udp(PORT + 1, b"data"), udp(PORT.swap_bytes(), b"data"));
    let short_fragment = with_u16(ipv4(&[], UDP, b"abc"), IP + 6, 0x0001);
    let two_tags = tagged(TAG_C, &tagged(TAG_C, &udp4()));
    let cases = [
        ("another port, IPv4", ipv4(&[], UDP, &other)),
        ("another port, IPv6", ipv6(UDP, &other)),
        ("the port, its bytes swapped", ipv4(&[], UDP, &swapped)),
        ("first fragment", udp4_with(IP + 6, 0x2000)),
        ("middle fragment", udp4_with(IP + 6, 0x2001)),
        ("last fragment", udp4_with(IP + 6, 0x00b9)),
        ("offset in the high bits", udp4_with(IP + 6, 0x1000)),
        ("fragment too short for UDP", short_fragment),
        ("TCP over IPv4", ipv4(&[], TCP, &data)),
        ("TCP over IPv6", ipv6(TCP, &data)),
        ("ICMP", ipv4(&[], ICMP, &[8, 0, 0, 0, 0, 1, 0, 1])),
        ("ICMPv6", ipv6(ICMPV6, &[135, 0, 0, 0])),
        ("IPv6 hop-by-hop options", extended(0)),
        ("IPv6 first fragment", ipv6_first_fragment()),
        ("IPv6 late fragment", extended(44)),
        ("IPv6 destination options", extended(60)),
        ("IPv6 no next header, no payload", ipv6(59, &[])),
        ("ARP", arp()),
        ("LLDP", ethernet(0x88cc, &[0; 50])),
        ("802.3 length instead of a type", ethernet(0x26, &[0; 46])),
        ("nothing but a header", ethernet(0x88b5, &[])),
        ("tag before ARP", tagged(TAG_C, &arp())),
        ("three tags", tagged(TAG_S, &two_tags)),
    ];
    check(cases, Verdict::Passed);
}

#[test]
fn counts_what_lies_about_its_length() {
    let len = u16::try_from(udp4().len() - IP).unwrap();
    let no_data = |first| with_u8(ipv4(&[], UDP, &udp(PORT, b"")), IP, first);
    let cut_tag = tagged(TAG_C, &ethernet(ETHERTYPE_IPV4, &[]))[..17].to_vec();
    let tcp = ipv4(&[], TCP, &[0; 20]);
    let fragment = udp4_with(IP + 6, 1);
    let other = ipv4(&[], UDP, &udp(9, b"data"));
    // Padding makes a frame longer than its packet: a UDP header that claims the padding as its
    // own claims too much.
    let mut padded = ipv4(&[], UDP, &udp(PORT, b"x"));
    padded.resize(60, 0);
    let cases = [
        ("tag cut off", cut_tag),
        ("second tag missing", ethernet(TAG_S, &[0, 1, 0x81, 0x00])),
        ("IPv4 header missing", ethernet(ETHERTYPE_IPV4, &[])),
        ("IPv6 header missing", ethernet(ETHERTYPE_IPV6, &[])),
        ("IPv4 saying it is IPv6", with_u8(udp4(), IP, 0x65)),
        ("IPv6 saying it is IPv4", with_u8(udp6(), IP, 0x40)),
        ("IPv4 header length 0", with_u8(udp4(), IP, 0x40)),
        ("IPv4 header length 16", with_u8(udp4(), IP, 0x44)),
        ("IPv4 header beyond the packet", no_data(0x4f)),
        ("IPv4 header that leaves UDP 4 bytes", no_data(0x46)),
        ("IPv4 total length 0", udp4_with(IP + 2, 0)),
        ("IPv4 total length 19", udp4_with(IP + 2, 19)),
        ("IPv4 one too long", udp4_with(IP + 2, len + 1)),
        ("IPv4 total length 65535", udp4_with(IP + 2, u16::MAX)),
        ("IPv4 without UDP header", udp4_with(IP + 2, 20)),
        ("IPv4 with 7 bytes of UDP", udp4_with(IP + 2, 27)),
        ("IPv6 payload one too long", udp6_with(IP + 4, 18)),
        ("IPv6 payload length 65535", udp6_with(IP + 4, u16::MAX)),
        ("IPv6 without UDP header", udp6_with(IP + 4, 0)),
        ("IPv6 with 7 bytes of UDP", udp6_with(IP + 4, 7)),
        ("UDP length 0, IPv4", udp4_with(UDP_IN_V4 + 4, 0)),
        ("UDP length 7, IPv4", udp4_with(UDP_IN_V4 + 4, 7)),
        ("UDP length 7, IPv6", udp6_with(UDP_IN_V6 + 4, 7)),
        ("UDP one too long, IPv4", udp4_with(UDP_IN_V4 + 4, len - 19)),
        ("UDP one too long, IPv6", udp6_with(UDP_IN_V6 + 4, 18)),
        ("UDP length 65535, IPv6", udp6_with(UDP_IN_V6 + 4, u16::MAX)),
        ("UDP into the padding", with_u16(padded, UDP_IN_V4 + 4, 10)),
        // Malformed says nothing of ports and protocols: the lengths come first.
        ("TCP, total length too long", with_u16(tcp, IP + 2, 41)),
        ("fragment, too long", with_u16(fragment, IP + 2, 999)),
        ("another port, too long", with_u16(other, UDP_IN_V4 + 4, 13)),
    ];
    check(cases, Verdict::Malformed);
}

/// From the first byte to the last, and on through padding: malformed, then matched, and no other
/// verdict in between or after.
#[test]
fn a_datagram_is_malformed_until_it_is_whole() {
    let frames = [
        udp4(),
        udp6(),
        ipv4(&[1; 40], UDP, &udp(PORT, b"data")),
        tagged(TAG_C, &udp4()),
        tagged(TAG_S, &tagged(TAG_C, &udp6())),
    ];
    let first = |frame: &[u8], len: usize| [frame, &[0; 50]].concat()[..len].to_vec();
    for frame in frames {
        let cut = (ETHERNET_LEN..frame.len()).map(|len| ("cut", first(&frame, len)));
        check(cut, Verdict::Malformed);
        let whole = (frame.len()..=frame.len() + 50).map(|len| ("whole", first(&frame, len)));
        check(whole, Verdict::NoSocket);
    }
}

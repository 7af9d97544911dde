//! One fixture for every branch of the program.

use xskit_bpf::XdpProgram;

use crate::dry_run::{Verdict, verdict};
use crate::packet::*;
use crate::privilege;

/// A program that takes [`PORT`] at any address and has no socket, so that a match shows as
/// [`Verdict::NoSocket`].
fn taking_port() -> Option<XdpProgram> {
    privilege::held().then(|| {
        let program = XdpProgram::load(1).unwrap();
        program.take(PORT, None).unwrap();
        program
    })
}

fn check(cases: impl IntoIterator<Item = (&'static str, Vec<u8>)>, expected: Verdict) {
    let Some(program) = taking_port() else { return };
    for (what, frame) in cases {
        assert_eq!(verdict(&program, &frame), expected, "{what}: {frame:02x?}");
    }
}

#[test]
fn matches_whole_datagrams() {
    let padded = |mut frame: Vec<u8>| {
        frame.resize(60.max(frame.len() + 7), 0xee);
        frame
    };
    let short = ipv4(&[], UDP, &udp(PORT, b"x"));
    let udp_len = ETHERNET_LEN + IPV4_LEN + 4;
    check(
        [
            ("IPv4", udp4()),
            ("IPv6", udp6()),
            ("no data, IPv4", ipv4(&[], UDP, &udp(PORT, b""))),
            ("no data, IPv6", ipv6(UDP, &udp(PORT, b""))),
            ("padded, IPv4", padded(short)),
            ("padded, IPv6", padded(udp6())),
            (
                "options of 4 bytes",
                ipv4(&[1; 4], UDP, &udp(PORT, b"data")),
            ),
            (
                "options of 40 bytes",
                ipv4(&[1; 40], UDP, &udp(PORT, b"data")),
            ),
            ("C-tag", tagged(TAG_C, &udp4())),
            ("S-tag", tagged(TAG_S, &udp6())),
            ("S-tag and C-tag", tagged(TAG_S, &tagged(TAG_C, &udp4()))),
            ("C-tag and C-tag", tagged(TAG_C, &tagged(TAG_C, &udp6()))),
            ("don't-fragment off", with_u16(udp4(), ETHERNET_LEN + 6, 0)),
            (
                "reserved fragment bit",
                with_u16(udp4(), ETHERNET_LEN + 6, 0x8000),
            ),
            ("UDP shorter than its packet", with_u16(udp4(), udp_len, 8)),
        ],
        Verdict::NoSocket,
    );
}

#[test]
fn passes_what_is_not_a_whole_datagram_to_the_port() {
    let fragment = ETHERNET_LEN + 6;
    let data = udp(PORT, b"data");
    let three_tags = tagged(TAG_S, &tagged(TAG_C, &tagged(TAG_C, &udp4())));
    check(
        [
            (
                "another port, IPv4",
                ipv4(&[], UDP, &udp(PORT + 1, b"data")),
            ),
            ("another port, IPv6", ipv6(UDP, &udp(PORT + 1, b"data"))),
            (
                "the port, its bytes swapped",
                ipv4(&[], UDP, &udp(PORT.swap_bytes(), b"data")),
            ),
            ("first fragment", with_u16(udp4(), fragment, 0x2000)),
            ("middle fragment", with_u16(udp4(), fragment, 0x2001)),
            ("last fragment", with_u16(udp4(), fragment, 0x00b9)),
            (
                "last fragment, offset in the high bits",
                with_u16(udp4(), fragment, 0x1000),
            ),
            (
                "fragment too short for UDP",
                with_u16(ipv4(&[], UDP, b"abc"), fragment, 0x0001),
            ),
            ("TCP over IPv4", ipv4(&[], TCP, &data)),
            ("TCP over IPv6", ipv6(TCP, &data)),
            ("ICMP", ipv4(&[], ICMP, &[8, 0, 0, 0, 0, 1, 0, 1])),
            ("ICMPv6", ipv6(58, &[135, 0, 0, 0])),
            (
                "IPv6 hop-by-hop options",
                ipv6(0, &[&[17, 0, 1, 4, 0, 0, 0, 0][..], &data].concat()),
            ),
            (
                "IPv6 fragment",
                ipv6(44, &[&[17, 0, 0, 1, 0, 0, 0, 9][..], &data].concat()),
            ),
            (
                "IPv6 destination options",
                ipv6(60, &[&[17, 0, 1, 4, 0, 0, 0, 0][..], &data].concat()),
            ),
            ("IPv6 no next header, no payload", ipv6(59, &[])),
            ("ARP", ethernet(0x0806, &[0; 28])),
            ("LLDP", ethernet(0x88cc, &[0; 50])),
            ("802.3 length instead of a type", ethernet(0x0026, &[0; 46])),
            ("nothing but a header", ethernet(0x88b5, &[])),
            ("tag before ARP", tagged(TAG_C, &ethernet(0x0806, &[0; 28]))),
            ("three tags", three_tags),
        ],
        Verdict::Passed,
    );
}

#[test]
fn counts_what_lies_about_its_length() {
    let ip = ETHERNET_LEN;
    let udp_in_4 = ip + IPV4_LEN + 4;
    let udp_in_6 = ip + IPV6_LEN + 4;
    let total_len = u16::try_from(udp4().len() - ip).unwrap();
    check(
        [
            (
                "tag cut off",
                tagged(TAG_C, &ethernet(ETHERTYPE_IPV4, &[]))[..17].to_vec(),
            ),
            ("second tag missing", ethernet(TAG_S, &[0, 1, 0x81, 0x00])),
            ("IPv4 header missing", ethernet(ETHERTYPE_IPV4, &[])),
            ("IPv6 header missing", ethernet(ETHERTYPE_IPV6, &[])),
            ("IPv4 saying it is IPv6", with_u8(udp4(), ip, 0x65)),
            ("IPv6 saying it is IPv4", with_u8(udp6(), ip, 0x40)),
            ("IPv4 header length 0", with_u8(udp4(), ip, 0x40)),
            ("IPv4 header length 16", with_u8(udp4(), ip, 0x44)),
            (
                "IPv4 header beyond the packet",
                with_u8(ipv4(&[], UDP, &udp(PORT, b"")), ip, 0x4f),
            ),
            (
                "IPv4 header that leaves UDP 4 bytes",
                with_u8(ipv4(&[], UDP, &udp(PORT, b"")), ip, 0x46),
            ),
            ("IPv4 total length 0", with_u16(udp4(), ip + 2, 0)),
            ("IPv4 total length 19", with_u16(udp4(), ip + 2, 19)),
            (
                "IPv4 total length one too long",
                with_u16(udp4(), ip + 2, total_len + 1),
            ),
            (
                "IPv4 total length 65535",
                with_u16(udp4(), ip + 2, u16::MAX),
            ),
            ("IPv4 without UDP header", with_u16(udp4(), ip + 2, 20)),
            (
                "IPv4 with 7 bytes of UDP header",
                with_u16(udp4(), ip + 2, 27),
            ),
            ("IPv6 payload one too long", with_u16(udp6(), ip + 4, 18)),
            (
                "IPv6 payload length 65535",
                with_u16(udp6(), ip + 4, u16::MAX),
            ),
            ("IPv6 without UDP header", with_u16(udp6(), ip + 4, 0)),
            (
                "IPv6 with 7 bytes of UDP header",
                with_u16(udp6(), ip + 4, 7),
            ),
            ("UDP length 0, IPv4", with_u16(udp4(), udp_in_4, 0)),
            ("UDP length 7, IPv4", with_u16(udp4(), udp_in_4, 7)),
            ("UDP length 7, IPv6", with_u16(udp6(), udp_in_6, 7)),
            (
                "UDP one too long, IPv4",
                with_u16(udp4(), udp_in_4, total_len - 20 + 1),
            ),
            ("UDP one too long, IPv6", with_u16(udp6(), udp_in_6, 18)),
            (
                "UDP length 65535, IPv6",
                with_u16(udp6(), udp_in_6, u16::MAX),
            ),
            // Malformed says nothing of ports and protocols: the lengths come first.
            (
                "TCP with a total length too long",
                with_u16(ipv4(&[], TCP, &[0; 20]), ip + 2, 41),
            ),
            (
                "fragment with a total length too long",
                with_u16(with_u16(udp4(), ip + 6, 1), ip + 2, 999),
            ),
            (
                "another port, UDP too long",
                with_u16(ipv4(&[], UDP, &udp(9, b"data")), udp_in_4, 13),
            ),
        ],
        Verdict::Malformed,
    );
}

/// Padding makes a frame longer than its packet: a UDP header that claims the padding as its own
/// claims too much.
#[test]
fn padding_is_not_payload() {
    let mut frame = ipv4(&[], UDP, &udp(PORT, b"x"));
    frame.resize(60, 0);
    let claims_padding = with_u16(frame, ETHERNET_LEN + IPV4_LEN + 4, 10);
    check(
        [("UDP into the padding", claims_padding)],
        Verdict::Malformed,
    );
}

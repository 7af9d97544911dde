//! Frames of every shape that the headers have: what is taken, what is passed on, and what lies about its length.

use std::net::SocketAddr;

use xskit_wire::{Ecn, Link, MacAddr, Tpid, UdpHeaders, VlanTag};

use crate::frame::put_u16;

const LINK: Link = Link::new(
    MacAddr::new([2, 0, 0, 0, 0, 1]),
    MacAddr::new([2, 0, 0, 0, 0, 2]),
);
/// Offset of the IP header in a frame without tags.
const IP: usize = 14;
const UDP4: usize = IP + 20;
const UDP6: usize = IP + 40;

/// All of them, by what they show.
pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    [whole(), left_alone(), wrong_lengths()].concat()
}

/// To port 443 of 192.0.2.2.
pub(super) fn udp4(payload: &[u8]) -> Vec<u8> {
    datagram(LINK, ["192.0.2.1:49152", "192.0.2.2:443"], payload)
}

/// To port 443 of 2001:db8::2.
fn udp6(payload: &[u8]) -> Vec<u8> {
    datagram(LINK, ["[2001:db8::1]:49152", "[2001:db8::2]:443"], payload)
}

fn datagram(link: Link, [source, destination]: [&str; 2], payload: &[u8]) -> Vec<u8> {
    let address = |text: &str| -> SocketAddr { text.parse().expect("an address and a port") };
    let mut headers = UdpHeaders::new(link, address(source), address(destination));
    headers.ecn = Ecn::Ect0;
    let mut frame = [&vec![0; headers.header_len()][..], payload].concat();
    headers
        .emit(&mut frame, payload.len())
        .expect("there is room");
    frame
}

fn tagged(tpids: &[Tpid]) -> Link {
    let mut link = LINK;
    for (vid, tpid) in (100..).zip(tpids) {
        let tag = VlanTag {
            tpid: *tpid,
            tci: vid,
        };
        link.tags.push(tag).expect("at most two");
    }
    link
}

fn with(mut frame: Vec<u8>, at: usize, number: u16) -> Vec<u8> {
    put_u16(&mut frame, at, number);
    frame
}

fn padded(mut frame: Vec<u8>) -> Vec<u8> {
    frame.resize(60.max(frame.len() + 7), 0xee);
    frame
}

/// An IPv4 header of six words.
fn with_options() -> Vec<u8> {
    let frame = udp4(b"options");
    let total_len = 4 + frame.len() as u16 - IP as u16;
    let mut frame = with(frame, IP + 2, total_len);
    frame[IP] = 0x46;
    frame.splice(UDP4..UDP4, [1, 1, 1, 0]);
    frame
}

pub(super) fn whole() -> Vec<(&'static str, Vec<u8>)> {
    let four = ["192.0.2.1:49152", "192.0.2.2:443"];
    let six = ["[2001:db8::1]:49152", "[2001:db8::2]:443"];
    vec![
        ("udp4", udp4(b"payload")),
        ("udp6", udp6(b"payload")),
        ("udp4-empty", udp4(b"")),
        ("udp6-empty", udp6(b"")),
        ("udp4-padded", padded(udp4(b"x"))),
        ("udp6-padded", padded(udp6(b"x"))),
        ("udp4-options", with_options()),
        (
            "udp4-c-tag",
            datagram(tagged(&[Tpid::Customer]), four, b"tag"),
        ),
        (
            "udp6-s-and-c-tag",
            datagram(tagged(&[Tpid::Service, Tpid::Customer]), six, b"tags"),
        ),
        (
            "udp4-other-port",
            datagram(LINK, ["192.0.2.1:1", "192.0.2.2:444"], b"x"),
        ),
        (
            "udp4-other-address",
            datagram(LINK, ["192.0.2.1:1", "192.0.2.3:443"], b"x"),
        ),
        (
            "udp6-other-address",
            datagram(LINK, ["[::1]:1", "[2001:db8::3]:443"], b"x"),
        ),
        (
            "udp4-unspecified",
            datagram(LINK, ["0.0.0.0:0", "0.0.0.0:443"], b"x"),
        ),
        (
            "udp6-unspecified",
            datagram(LINK, ["[::]:0", "[::]:443"], b"x"),
        ),
        (
            "udp6-mapped",
            datagram(LINK, ["[::1]:1", "[::ffff:192.0.2.2]:443"], b"x"),
        ),
        (
            "udp4-port-0",
            datagram(LINK, ["192.0.2.1:0", "192.0.2.2:0"], b"x"),
        ),
        ("udp4-no-checksum", with(udp4(b"unsummed"), UDP4 + 6, 0)),
        (
            "udp4-shorter-than-packet",
            with(udp4(b"surplus"), UDP4 + 4, 9),
        ),
    ]
}

fn left_alone() -> Vec<(&'static str, Vec<u8>)> {
    let third_tag = {
        let mut frame = datagram(
            tagged(&[Tpid::Service, Tpid::Customer]),
            ["192.0.2.1:1", "192.0.2.2:443"],
            b"x",
        );
        frame.splice(12..12, [0x81, 0, 0, 1]);
        frame
    };
    let with_u8 = |mut frame: Vec<u8>, at: usize, byte: u8| {
        frame[at] = byte;
        frame
    };
    vec![
        ("three-tags", third_tag),
        ("arp", with(vec![0; 42], 12, 0x0806)),
        ("first-fragment", with(udp4(b"first"), IP + 6, 0x2000)),
        ("last-fragment", with(udp4(b"last"), IP + 6, 0x00b9)),
        ("tcp4", with_u8(udp4(&[0; 12]), IP + 9, 6)),
        ("tcp6", with_u8(udp6(&[0; 12]), IP + 6, 6)),
        ("udp6-hop-by-hop", with_u8(udp6(b"options"), IP + 6, 0)),
        ("udp6-fragment", with_u8(udp6(b"fragment"), IP + 6, 44)),
    ]
}

fn wrong_lengths() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("ethernet-cut", udp4(b"")[..13].to_vec()),
        ("tag-cut", with(udp4(b"")[..16].to_vec(), 12, 0x8100)),
        ("ipv4-cut", udp4(b"")[..33].to_vec()),
        ("ipv6-cut", udp6(b"")[..53].to_vec()),
        ("udp4-cut", udp4(b"whole")[..44].to_vec()),
        ("ipv4-says-6", with(udp4(b"x"), IP, 0x6500)),
        ("ipv4-header-16", with(udp4(b"x"), IP, 0x4400)),
        ("ipv4-total-too-long", with(udp4(b"x"), IP + 2, 999)),
        ("ipv4-total-too-short", with(udp4(b"x"), IP + 2, 27)),
        ("ipv6-payload-too-long", with(udp6(b"x"), IP + 4, 999)),
        (
            "udp4-claims-padding",
            with(padded(udp4(b"x")), UDP4 + 4, 12),
        ),
        ("udp6-len-7", with(udp6(b"x"), UDP6 + 4, 7)),
    ]
}

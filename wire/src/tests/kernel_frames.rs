//! Frames that Linux 6.18 wrote into a TAP device for `sendto` on a UDP socket.

use super::*;

const V4_ECT0: &[u8] = b"\
    \x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00\
    \x45\x02\x00\x21\x00\x00\x40\x00\x40\x11\xb6\xc6\xc0\x00\x02\x01\xc0\x00\x02\x02\
    \x9c\x40\x11\x51\x00\x0d\x8a\x6chello";

const V6_CE: &[u8] = b"\
    \x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x86\xdd\
    \x60\x30\x00\x00\x00\x0b\x11\x21\
    \x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\
    \x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\
    \x9c\x40\x11\x51\x00\x0b\x0b\x68six";

/// With the router alert option, and a TTL of 7.
const V4_OPTION: &[u8] = b"\
    \x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00\
    \x46\x00\x00\x2c\x88\xf9\x40\x00\x07\x11\xd1\xbf\xc0\x00\x02\x01\xc0\x00\x02\x02\
    \x94\x04\x00\x00\
    \x9c\x40\x11\x51\x00\x14\x81\x9frouter alert";

/// Without a UDP checksum (SO_NO_CHECK).
const V4_UNSUMMED: &[u8] = b"\
    \x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00\
    \x45\x00\x00\x24\x89\x14\x40\x00\x40\x11\x2d\xb1\xc0\x00\x02\x01\xc0\x00\x02\x02\
    \x9c\x40\x11\x51\x00\x10\x00\x00unsummed";

/// With a hop-by-hop header: router alert (IPV6_HOPOPTS).
const V6_HOP_BY_HOP: &[u8] = b"\
    \x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x86\xdd\
    \x60\x05\x87\xb8\x00\x18\x00\x40\
    \x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\
    \x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\
    \x11\x00\x05\x02\x00\x00\x01\x00\
    \x9c\x40\x11\x51\x00\x10\x49\x21extended";

/// The start of a first fragment of 1,514 bytes; the rest is zeros.
const V4_FRAGMENT: &[u8] = b"\
    \x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00\
    \x45\x00\x05\xdc\x89\x54\x20\x00\x40\x11\x47\xb9\xc0\x00\x02\x01\xc0\x00\x02\x02\
    \x9c\x40\x11\x51\x05\xd0\xc2\xb8";

#[test]
fn what_the_kernel_sends_is_what_we_write() {
    let v4 = UdpHeaders {
        ecn: Ecn::Ect0,
        ..headers(IpVersion::V4, 0)
    };
    assert_eq!(emitted(&v4, b"hello"), V4_ECT0);
    let v6 = UdpHeaders {
        ecn: Ecn::Ce,
        hop_limit: 33,
        ..headers(IpVersion::V6, 0)
    };
    assert_eq!(emitted(&v6, b"six"), V6_CE);
}

#[test]
fn what_the_kernel_sends_is_read() {
    let cases: [(&[u8], _, _, _, &[u8]); 4] = [
        (V4_ECT0, IpVersion::V4, Ecn::Ect0, 64, b"hello"),
        (V6_CE, IpVersion::V6, Ecn::Ce, 33, b"six"),
        (V4_OPTION, IpVersion::V4, Ecn::NotEct, 7, b"router alert"),
        (V4_UNSUMMED, IpVersion::V4, Ecn::NotEct, 64, b"unsummed"),
    ];
    for (frame, version, ecn, hop_limit, payload) in cases {
        let datagram = Datagram::parse(frame, UdpChecksum::Verify).expect("well-formed");
        assert_eq!(datagram.version(), version);
        let expected = UdpHeaders {
            ecn,
            hop_limit,
            ..headers(version, 0)
        };
        assert_eq!(read(&datagram), expected);
        assert_eq!(datagram.payload(frame), Some(payload));
        assert_eq!(datagram.payload(&frame[..frame.len() - 1]), None);
    }
}

#[test]
fn a_tagged_frame_is_the_untagged_one_with_tags_in_it() {
    let tagged = [
        &V4_ECT0[..12],
        b"\x88\xa8\xa0\xc8\x81\x00\x01\x2c",
        &V4_ECT0[12..],
    ]
    .concat();
    let sent = UdpHeaders {
        ecn: Ecn::Ect0,
        ..headers(IpVersion::V4, 2)
    };
    assert_eq!(emitted(&sent, b"hello"), tagged);
    let datagram = Datagram::parse(&tagged, UdpChecksum::Verify).expect("well-formed");
    assert_eq!(datagram.link, sent.link);
    assert_eq!(datagram.payload_range(), 50..55);
}

#[test]
fn what_is_not_for_us_is_named() {
    let fragment = [V4_FRAGMENT, &[0; 1472]].concat();
    for checksum in [UdpChecksum::Verify, UdpChecksum::Ignore] {
        assert_eq!(Datagram::parse(&fragment, checksum), Err(Refusal::Fragment));
        assert_eq!(
            Datagram::parse(V6_HOP_BY_HOP, checksum),
            Err(Refusal::ExtensionHeader(0))
        );
    }
}

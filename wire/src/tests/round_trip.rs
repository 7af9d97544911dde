//! What is written is read back the same, and errors of writing leave the frame alone.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;

const VERSIONS: [IpVersion; 2] = [IpVersion::V4, IpVersion::V6];

fn random_headers(rng: &mut Rng, version: IpVersion) -> UdpHeaders {
    let mut address = || -> SocketAddr {
        let ip = match version {
            IpVersion::V4 => IpAddr::V4(Ipv4Addr::from(rng.u32(..))),
            IpVersion::V6 => IpAddr::V6(Ipv6Addr::from(rng.u128(..))),
        };
        SocketAddr::new(ip, rng.u16(..))
    };
    let (source, destination) = (address(), address());
    let mut mac = || MacAddr::new(core::array::from_fn(|_| rng.u8(..)));
    let mut link = LinkPath::new(mac(), mac());
    for _ in 0..rng.usize(..3) {
        let tpid = [Tpid::Customer, Tpid::Service][rng.usize(..2)];
        let tci = rng.u16(..);
        link.tags.push(VlanTag { tpid, tci }).expect("at most two");
    }
    let ecn = Ecn::from_bits(rng.u8(..));
    UdpHeaders {
        link,
        source,
        destination,
        ecn,
        hop_limit: rng.u8(..),
    }
}

fn assert_read_back(headers: &UdpHeaders, payload: &[u8], padding: usize) {
    let mut frame = emitted(headers, payload);
    let end = frame.len();
    frame.resize(end + padding, 0xaa);
    let datagram = Datagram::parse(&frame, UdpChecksum::Verify).expect("well-formed");
    assert_eq!(read(&datagram), *headers);
    assert_eq!(datagram.payload_range(), headers.header_len()..end);
    assert_eq!(datagram.payload_mut(&mut frame).as_deref(), Some(payload));
    assert_eq!(Datagram::parse(&frame, UdpChecksum::Ignore), Ok(datagram));
}

#[test]
fn any_headers_with_any_payload_and_padding() {
    let mut rng = Rng::with_seed(4);
    for round in 0..4000 {
        let headers = random_headers(&mut rng, VERSIONS[round % 2]);
        let len = rng.usize(..if round % 50 == 0 { 9000 } else { 90 });
        let payload = noise(&mut rng, len);
        let padding = rng.usize(..20);
        assert_read_back(&headers, &payload, padding);
    }
}

#[test]
fn the_longest_payload_and_no_longer() {
    for version in VERSIONS {
        let headers = headers(version, 2);
        let max_len = max_udp_payload(usize::MAX, version);
        let payload = noise(&mut Rng::with_seed(5), max_len);
        assert_read_back(&headers, &payload, 3);

        let mut frame = vec![0; 70_000];
        for payload_len in [max_len + 1, usize::MAX] {
            let error = EmitError::PayloadTooLong {
                payload_len,
                max_len,
            };
            assert_eq!(headers.emit(&mut frame, payload_len), Err(error));
        }
    }
}

#[test]
fn a_frame_too_short_is_left_alone() {
    for version in VERSIONS {
        for tag_count in 0..3 {
            let headers = headers(version, tag_count);
            let frame_len = headers.header_len() + 10;
            for len in 0..frame_len {
                let mut frame = vec![0x55; len];
                let error = EmitError::FrameTooShort { len, frame_len };
                assert_eq!(headers.emit(&mut frame, 10), Err(error));
                assert!(frame.iter().all(|byte| *byte == 0x55));
            }
            let mut frame = vec![0x55; frame_len + 7];
            assert_eq!(headers.emit(&mut frame, 10), Ok(frame_len));
            // Only headers are written.
            assert_eq!(frame[headers.header_len()..], [0x55; 17]);
        }
    }
}

#[test]
fn mixed_families_are_refused() {
    let (v4, v6) = (headers(IpVersion::V4, 1), headers(IpVersion::V6, 1));
    for mixed in [
        UdpHeaders {
            source: v6.source,
            ..v4
        },
        UdpHeaders {
            destination: v6.destination,
            ..v4
        },
    ] {
        let mut frame = [0x55; 200];
        assert_eq!(mixed.emit(&mut frame, 10), Err(EmitError::MixedFamilies));
        assert_eq!(frame, [0x55; 200]);
    }
}

/// Every payload of two bytes, so that every checksum there is goes out and is read back.
#[test]
fn no_checksum_of_zero_goes_out() {
    for version in VERSIONS {
        let headers = headers(version, 0);
        let at = headers.header_len() - 2;
        let mut seen = vec![false; 0x1_0000];
        for word in 0..=u16::MAX {
            let frame = emitted(&headers, &word.to_be_bytes());
            let parsed = Datagram::parse(&frame, UdpChecksum::Verify);
            assert!(parsed.is_ok(), "{word:#x}");
            seen[usize::from(u16::from_be_bytes([frame[at], frame[at + 1]]))] = true;
        }
        assert!(!seen[0] && seen[1..].iter().all(|seen| *seen));
    }
}

#[test]
fn a_reply_goes_back_where_it_came_from() {
    for version in VERSIONS {
        let sent = UdpHeaders {
            ecn: Ecn::Ce,
            hop_limit: 3,
            ..headers(version, 2)
        };
        let request = Datagram::parse(&emitted(&sent, b"?"), UdpChecksum::Verify).expect("whole");
        let reply = request.reply();
        let mut link = LinkPath::new(SERVER, CLIENT);
        link.tags = sent.link.tags;
        let (source, destination) = (sent.destination, sent.source);
        assert_eq!(reply, UdpHeaders::new(link, source, destination));
        assert_eq!((reply.ecn, reply.hop_limit), (Ecn::NotEct, 64));
        let answer = Datagram::parse(&emitted(&reply, b"!"), UdpChecksum::Verify).expect("whole");
        assert_eq!(
            answer.reply(),
            UdpHeaders {
                ecn: Ecn::NotEct,
                hop_limit: 64,
                ..sent
            }
        );
    }
}

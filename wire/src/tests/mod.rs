//! Whole frames: from the kernel, round trips, refusals.

mod kernel_frames;
mod refusals;
mod round_trip;

use core::net::SocketAddr;
use std::{vec, vec::Vec};

use fastrand::Rng;

use super::*;

pub(super) fn noise(rng: &mut Rng, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    rng.fill(&mut bytes);
    bytes
}

/// The address in a form that tests can write briefly.
fn socket(text: &str) -> SocketAddr {
    text.parse().expect(text)
}

const CLIENT: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);
const SERVER: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 2]);

/// No tag, a customer's, and a provider's with a customer's inside.
fn tags(count: usize) -> VlanTags {
    let all = [(Tpid::Customer, 300), (Tpid::Service, 0xa0c8)];
    let mut tags = VlanTags::NONE;
    for (tpid, tci) in all.into_iter().take(count).rev() {
        tags.push(VlanTag { tpid, tci }).expect("at most two");
    }
    tags
}

fn headers(version: IpVersion, tag_count: usize) -> UdpHeaders {
    let (source, destination) = match version {
        IpVersion::V4 => ("192.0.2.1:40000", "192.0.2.2:4433"),
        IpVersion::V6 => ("[2001:db8::1]:40000", "[2001:db8::2]:4433"),
    };
    let mut link = LinkPath::new(CLIENT, SERVER);
    link.tags = tags(tag_count);
    UdpHeaders::new(link, socket(source), socket(destination))
}

/// The frame that these headers and this payload make.
fn emitted(headers: &UdpHeaders, payload: &[u8]) -> Vec<u8> {
    let header_len = headers.header_len();
    let mut frame = vec![0xee; header_len + payload.len()];
    frame[header_len..].copy_from_slice(payload);
    assert_eq!(headers.emit(&mut frame, payload.len()), Ok(frame.len()));
    frame
}

/// The headers that a datagram came with.
fn read(datagram: &Datagram) -> UdpHeaders {
    UdpHeaders {
        link: datagram.link,
        source: datagram.source,
        destination: datagram.destination,
        ecn: datagram.ecn,
        hop_limit: datagram.hop_limit,
    }
}

//! Packet headers, written and read again.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use xskit_wire::{
    Datagram, Ecn, Link, MacAddr, Tpid, UdpChecksum, UdpHeaders, VlanTag, max_udp_payload,
    swap_addresses,
};

pub fn run() -> Option<()> {
    let four = [Ipv4Addr::new(10, 77, 0, 1), Ipv4Addr::new(10, 77, 0, 2)];
    round_trip(four.map(IpAddr::from))?;
    let six = [Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED];
    round_trip(six.map(IpAddr::from))
}

fn round_trip([from, to]: [IpAddr; 2]) -> Option<()> {
    let mac: MacAddr = "02:00:00:00:00:01".parse().ok()?;
    let mut link = Link::new(mac, MacAddr::BROADCAST);
    let tag = VlanTag {
        tpid: Tpid::Customer,
        tci: 7,
    };
    link.tags.push(tag).ok()?;
    let mut headers = UdpHeaders::new(link, SocketAddr::new(from, 1), SocketAddr::new(to, 2));
    headers.ecn = Ecn::Ect0;
    let mut frame = [0; 256];
    let start = headers.header_len();
    frame.get_mut(start..start + 5)?.copy_from_slice(b"hello");
    let len = headers.emit(&mut frame, 5).ok()?;
    let packet = frame.get_mut(..len)?;
    let datagram = Datagram::parse(packet, UdpChecksum::Verify).ok()?;
    let same = datagram.payload(packet)? == b"hello" && datagram.source == headers.source;
    let answer = datagram.reply();
    swap_addresses(packet).ok()?;
    let swapped = Datagram::parse(packet, UdpChecksum::Verify).ok()?;
    let room = max_udp_payload(1500, datagram.version()) > 1400;
    (same && room && answer.link == swapped.link && headers.emit(&mut [], 5).is_err()).then_some(())
}

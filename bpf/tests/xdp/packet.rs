//! Frames for the tests, built from the inside out, and their fields poked afterwards.

/// The destination port of every fixture, unless a test says otherwise.
pub(crate) const PORT: u16 = 443;
pub(crate) const IPV6: [u8; 16] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

pub(crate) const ETHERNET_LEN: usize = 14;

pub(crate) const ETHERTYPE_IPV4: u16 = 0x0800;
pub(crate) const ETHERTYPE_IPV6: u16 = 0x86dd;
pub(crate) const TAG_C: u16 = 0x8100;
pub(crate) const TAG_S: u16 = 0x88a8;

pub(crate) const ICMP: u8 = 1;
pub(crate) const ICMPV6: u8 = 58;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;

pub(crate) fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let addresses = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    [&addresses[..], &ethertype.to_be_bytes(), payload].concat()
}

pub(crate) fn arp() -> Vec<u8> {
    ethernet(0x0806, &[0; 28])
}

/// Puts a tag of VLAN 0x2a in front of whatever is in the frame, other tags included.
pub(crate) fn tagged(tag: u16, frame: &[u8]) -> Vec<u8> {
    let (addresses, rest) = frame.split_at(12);
    [addresses, &tag.to_be_bytes(), &[0x00, 0x2a], rest].concat()
}

/// From 192.0.2.1 to 192.0.2.2, with "don't fragment".
pub(crate) fn ipv4(options: &[u8], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let header_len = 20 + options.len();
    let first = 0x40 | (header_len / 4) as u8;
    let [high, low] = len_of(header_len + payload.len());
    let fixed = [first, 0, high, low, 0x12, 0x34, 0x40, 0, 64, protocol, 0, 0];
    let addresses = [192, 0, 2, 1, 192, 0, 2, 2];
    let packet = [&fixed[..], &addresses, options, payload].concat();
    ethernet(ETHERTYPE_IPV4, &packet)
}

/// From 2001:db8::1 to 2001:db8::2.
pub(crate) fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = len_of(payload.len());
    let fixed = [0x60, 0, 0, 0, high, low, next_header, 64];
    let mut source = IPV6;
    source[15] = 1;
    let packet = [&fixed[..], &source, &IPV6, payload].concat();
    ethernet(ETHERTYPE_IPV6, &packet)
}

pub(crate) fn udp(port: u16, data: &[u8]) -> Vec<u8> {
    let len = len_of(8 + data.len());
    [&[0xc0, 0][..], &port.to_be_bytes(), &len, &[0, 0], data].concat()
}

fn len_of(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap().to_be_bytes()
}

/// A TCP header without options.
pub(crate) fn tcp(port: u16) -> Vec<u8> {
    with_u16(with_u8(vec![0; 20], 12, 0x50), 2, port)
}

/// UDP over IPv4 to [`PORT`], long enough that Ethernet doesn't pad it.
pub(crate) fn udp4() -> Vec<u8> {
    ipv4(&[], UDP, &udp(PORT, b"some data, well over 18 bytes"))
}

/// UDP over IPv6 to [`PORT`].
pub(crate) fn udp6() -> Vec<u8> {
    ipv6(UDP, &udp(PORT, b"some data"))
}

/// UDP over IPv6 behind an extension header of eight bytes, of this kind.
pub(crate) fn extended(kind: u8) -> Vec<u8> {
    let header = [UDP, 0, 1, 4, 0, 0, 0, 0];
    ipv6(kind, &[&header[..], &udp(PORT, b"data")].concat())
}

/// The first fragment of a UDP datagram over IPv6: offset 0, and more to come (RFC 8200, section
/// 4.5).
pub(crate) fn ipv6_first_fragment() -> Vec<u8> {
    let header = [UDP, 0, 0, 1, 0, 0, 0, 9];
    ipv6(44, &[&header[..], &udp(PORT, b"data")].concat())
}

/// The frame with the 16-bit field at `offset` set.
pub(crate) fn with_u16(mut frame: Vec<u8>, offset: usize, value: u16) -> Vec<u8> {
    frame[offset..offset + 2].copy_from_slice(&value.to_be_bytes());
    frame
}

/// The frame with the byte at `offset` set.
pub(crate) fn with_u8(mut frame: Vec<u8>, offset: usize, value: u8) -> Vec<u8> {
    frame[offset] = value;
    frame
}

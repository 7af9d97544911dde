//! Frames for the tests, built from the inside out, and their fields poked afterwards.

/// Where the destination port of every fixture is, unless a test says otherwise.
pub(crate) const PORT: u16 = 443;
pub(crate) const IPV4: [u8; 4] = [192, 0, 2, 2];
pub(crate) const IPV6: [u8; 16] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

pub(crate) const ETHERNET_LEN: usize = 14;
pub(crate) const IPV4_LEN: usize = 20;
pub(crate) const IPV6_LEN: usize = 40;

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

/// Puts a VLAN tag in front of whatever is in the frame, other tags included.
pub(crate) fn tagged(tag: u16, frame: &[u8]) -> Vec<u8> {
    let (addresses, rest) = frame.split_at(12);
    [addresses, &tag.to_be_bytes(), &[0x00, 0x2a], rest].concat()
}

pub(crate) fn ipv4(options: &[u8], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let header_len = IPV4_LEN + options.len();
    let total_len = u16::try_from(header_len + payload.len())
        .unwrap()
        .to_be_bytes();
    let header = [
        0x40 | u8::try_from(header_len / 4).unwrap(),
        0,
        total_len[0],
        total_len[1],
        0x12,
        0x34,
        0x40, // don't fragment
        0,
        64,
        protocol,
        0,
        0,
    ];
    ethernet(
        ETHERTYPE_IPV4,
        &[&header[..], &[192, 0, 2, 1], &IPV4, options, payload].concat(),
    )
}

pub(crate) fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let payload_len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let header = [
        0x60,
        0,
        0,
        0,
        payload_len[0],
        payload_len[1],
        next_header,
        64,
    ];
    let source = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    ethernet(
        ETHERTYPE_IPV6,
        &[&header[..], &source, &IPV6, payload].concat(),
    )
}

pub(crate) fn udp(port: u16, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + data.len()).unwrap();
    [
        &0xc000u16.to_be_bytes()[..],
        &port.to_be_bytes(),
        &len.to_be_bytes(),
        &[0, 0],
        data,
    ]
    .concat()
}

/// A TCP header without options.
pub(crate) fn tcp(port: u16) -> Vec<u8> {
    let mut header = [0; 20];
    header[2..4].copy_from_slice(&port.to_be_bytes());
    header[12] = 0x50;
    header.to_vec()
}

/// UDP over IPv4 to [`IPV4`] and [`PORT`], long enough that Ethernet doesn't pad it.
pub(crate) fn udp4() -> Vec<u8> {
    ipv4(&[], UDP, &udp(PORT, b"some data, well over 18 bytes"))
}

/// UDP over IPv6 to [`IPV6`] and [`PORT`].
pub(crate) fn udp6() -> Vec<u8> {
    ipv6(UDP, &udp(PORT, b"some data"))
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

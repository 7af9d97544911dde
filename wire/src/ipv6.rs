//! The IPv6 header: 40 bytes (RFC 8200 section 3). Extension headers are recognised and refused.

use core::net::Ipv6Addr;

use crate::ip::{IpPacket, PROTOCOL_UDP};
use crate::{Ecn, IpVersion, Refusal};

/// Bytes of the header without extensions.
const HEADER_LEN: usize = IpVersion::V6.header_len();

mod field {
    use crate::field::Field;

    /// Version (4 bits), traffic class (8 bits) and the flow label's upper 4 bits.
    pub(super) const VERSION_CLASS: Field<0, 2> = Field;
    pub(super) const PAYLOAD_LEN: Field<4, 2> = Field;
    pub(super) const NEXT_HEADER: Field<6, 1> = Field;
    pub(super) const HOP_LIMIT: Field<7, 1> = Field;
    pub(super) const SOURCE: Field<8, 16> = Field;
    pub(super) const DESTINATION: Field<24, 16> = Field;
}

/// Version 6 in its place in the first two bytes.
const VERSION: u16 = 6 << 12;

/// Checks a packet that may be followed by padding.
pub(crate) fn parse(bytes: &[u8]) -> Result<IpPacket<'_>, Refusal> {
    let (header, rest) = bytes
        .split_first_chunk::<HEADER_LEN>()
        .ok_or(Refusal::TruncatedIpv6)?;
    let [version_class, class_flow] = field::VERSION_CLASS.read(header);
    let version = version_class >> 4;
    if version != 6 {
        return Err(Refusal::Ipv6Version(version));
    }
    let payload_len = field::PAYLOAD_LEN.read_u16(header);
    let payload = rest
        .get(..usize::from(payload_len))
        .ok_or(Refusal::Ipv6PayloadLen(payload_len))?;
    match field::NEXT_HEADER.read_u8(header) {
        PROTOCOL_UDP => {}
        44 => return Err(Refusal::Fragment),
        number if is_extension(number) => return Err(Refusal::ExtensionHeader(number)),
        protocol => return Err(Refusal::NotUdp(protocol)),
    }
    Ok(IpPacket {
        source: Ipv6Addr::from(field::SOURCE.read(header)).into(),
        destination: Ipv6Addr::from(field::DESTINATION.read(header)).into(),
        // The traffic class straddles the two bytes; its ECN bits are the upper half of the second
        // one.
        ecn: Ecn::from_bits(class_flow >> 4),
        hop_limit: field::HOP_LIMIT.read_u8(header),
        header_len: HEADER_LEN,
        payload,
    })
}

/// Whether this is one of IANA's "IPv6 Extension Header Types" (RFC 7045 section 4). The fragment
/// header is handled before.
const fn is_extension(next_header: u8) -> bool {
    matches!(
        next_header,
        0 | 43 | 50 | 51 | 60 | 135 | 139 | 140 | 253 | 254
    )
}

/// A header without extensions, in front of UDP.
pub(crate) struct Ipv6Header {
    pub(crate) source: Ipv6Addr,
    pub(crate) destination: Ipv6Addr,
    pub(crate) ecn: Ecn,
    pub(crate) hop_limit: u8,
    /// Bytes after this header.
    pub(crate) payload_len: u16,
}

impl Ipv6Header {
    /// Writes all 40 bytes. The flow label is zero: "not labelled" (RFC 6437 section 2).
    pub(crate) fn write(&self, header: &mut [u8; HEADER_LEN]) {
        *header = [0; HEADER_LEN];
        field::VERSION_CLASS.write_u16(header, VERSION | u16::from(self.ecn.bits()) << 4);
        field::PAYLOAD_LEN.write_u16(header, self.payload_len);
        field::NEXT_HEADER.write(header, [PROTOCOL_UDP]);
        field::HOP_LIMIT.write(header, [self.hop_limit]);
        field::SOURCE.write(header, self.source.octets());
        field::DESTINATION.write(header, self.destination.octets());
    }
}

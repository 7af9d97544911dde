//! The IPv4 header: 20 bytes, and up to 40 of options, which are skipped (RFC 791 section 3.1).

use core::net::Ipv4Addr;

use crate::ip::{IpPacket, PROTOCOL_UDP};
use crate::{Checksum, Ecn, IpVersion, Refusal};

/// Bytes of the header without options.
const HEADER_LEN: usize = IpVersion::V4.header_len();

mod field {
    use crate::field::Field;

    /// Version (4 bits) and header length in units of 4 bytes (4 bits).
    pub(super) const VERSION_IHL: Field<0, 1> = Field;
    /// DSCP (6 bits) and ECN (2 bits).
    pub(super) const TOS: Field<1, 1> = Field;
    pub(super) const TOTAL_LEN: Field<2, 2> = Field;
    /// Flags (3 bits) and fragment offset (13 bits).
    pub(super) const FLAGS_OFFSET: Field<6, 2> = Field;
    pub(super) const TTL: Field<8, 1> = Field;
    pub(super) const PROTOCOL: Field<9, 1> = Field;
    pub(super) const CHECKSUM: Field<10, 2> = Field;
    pub(super) const SOURCE: Field<12, 4> = Field;
    pub(super) const DESTINATION: Field<16, 4> = Field;
}

/// Version 4, five units of 4 bytes.
const VERSION_IHL: u8 = 0x45;
/// Routers must not cut the packet up.
const DONT_FRAGMENT: u16 = 0x4000;
/// "More fragments" and the offset: all zero in a whole packet.
const FRAGMENT_MASK: u16 = 0x3fff;

/// Checks a packet that may be followed by padding.
pub(crate) fn parse(bytes: &[u8]) -> Result<IpPacket<'_>, Refusal> {
    let header: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(Refusal::TruncatedIpv4)?;
    let version_ihl = field::VERSION_IHL.read_u8(header);
    let (version, ihl) = (version_ihl >> 4, version_ihl & 0x0f);
    if version != 4 {
        return Err(Refusal::Ipv4Version(version));
    }
    let header_len = usize::from(ihl) * 4;
    if header_len < HEADER_LEN {
        return Err(Refusal::Ipv4HeaderLen(ihl));
    }
    let (with_options, rest) = bytes
        .split_at_checked(header_len)
        .ok_or(Refusal::TruncatedIpv4)?;
    let total_len = field::TOTAL_LEN.read_u16(header);
    let payload = usize::from(total_len)
        .checked_sub(header_len)
        .and_then(|payload_len| rest.get(..payload_len))
        .ok_or(Refusal::Ipv4TotalLen(total_len))?;
    if !Checksum::new().bytes(with_options).verifies() {
        return Err(Refusal::Ipv4Checksum);
    }
    if field::FLAGS_OFFSET.read_u16(header) & FRAGMENT_MASK != 0 {
        return Err(Refusal::Fragment);
    }
    let protocol = field::PROTOCOL.read_u8(header);
    if protocol != PROTOCOL_UDP {
        return Err(Refusal::NotUdp(protocol));
    }
    Ok(IpPacket {
        source: Ipv4Addr::from(field::SOURCE.read(header)).into(),
        destination: Ipv4Addr::from(field::DESTINATION.read(header)).into(),
        ecn: Ecn::from_bits(field::TOS.read_u8(header)),
        hop_limit: field::TTL.read_u8(header),
        header_len,
        payload,
    })
}

/// A header without options, in front of UDP.
pub(crate) struct Ipv4Header {
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    pub(crate) ecn: Ecn,
    pub(crate) ttl: u8,
    /// Bytes of the whole packet, this header included.
    pub(crate) total_len: u16,
}

impl Ipv4Header {
    /// Writes all 20 bytes. The packet may not be fragmented, so it needs no
    /// identification (RFC 6864 section 4.1).
    pub(crate) fn write(&self, header: &mut [u8; HEADER_LEN]) {
        *header = [0; HEADER_LEN];
        field::VERSION_IHL.write(header, [VERSION_IHL]);
        field::TOS.write(header, [self.ecn.bits()]);
        field::TOTAL_LEN.write_u16(header, self.total_len);
        field::FLAGS_OFFSET.write_u16(header, DONT_FRAGMENT);
        field::TTL.write(header, [self.ttl]);
        field::PROTOCOL.write(header, [PROTOCOL_UDP]);
        field::SOURCE.write(header, self.source.octets());
        field::DESTINATION.write(header, self.destination.octets());
        // Over the header with a checksum of zero, as it is by now.
        let checksum = Checksum::new().bytes(header).finish();
        field::CHECKSUM.write_u16(header, checksum);
    }
}

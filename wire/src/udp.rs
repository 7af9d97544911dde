//! The UDP header: 8 bytes (RFC 768).

use core::net::IpAddr;

use crate::ip::{IpPacket, PROTOCOL_UDP};
use crate::{Checksum, IpVersion, Refusal};

/// Bytes of the header.
pub(crate) const HEADER_LEN: usize = 8;

mod field {
    use crate::field::Field;

    pub(super) const SOURCE_PORT: Field<0, 2> = Field;
    pub(super) const DESTINATION_PORT: Field<2, 2> = Field;
    /// Header and payload.
    pub(super) const LEN: Field<4, 2> = Field;
    pub(super) const CHECKSUM: Field<6, 2> = Field;
}

/// What to do with the checksum of a received UDP datagram.
///
/// ```
/// use xskit_wire::{Datagram, Refusal, UdpChecksum};
/// # use xskit_wire::{LinkPath, MacAddr, UdpHeaders};
/// # let link = LinkPath::new(MacAddr::new([2, 0, 0, 0, 0, 1]), MacAddr::new([2, 0, 0, 0, 0, 2]));
/// # let headers = UdpHeaders::new(link, "10.77.0.1:4096".parse()?, "10.77.0.2:7".parse()?);
/// # let mut frame = [0; 64];
/// # headers.emit(&mut frame, 5)?;
///
/// frame[headers.header_len()] ^= 1; // a bit of the payload
/// assert_eq!(Datagram::parse(&frame, UdpChecksum::Verify), Err(Refusal::UdpChecksum));
/// assert!(Datagram::parse(&frame, UdpChecksum::Ignore).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UdpChecksum {
    /// Refuse a wrong one. A missing checksum (zero) is allowed over IPv4 (RFC 768), and refused
    /// over IPv6 (RFC 8200 section 8.1). Reads the whole payload.
    Verify,
    /// Ignore it. For protocols that authenticate every packet, as QUIC does. Needed for packets of
    /// a local peer over veth, whose checksum the kernel leaves incomplete.
    Ignore,
}

/// The largest UDP payload, in bytes, whose IP packet without options fits an MTU of
/// `mtu_len_bytes`.
///
/// Never more than the 16-bit length fields can hold (65,507 over IPv4, 65,527 over IPv6); 0 if not
/// even the headers fit. The Ethernet header and VLAN tags do not count towards an MTU.
///
/// ```
/// use xskit_wire::{IpVersion, max_udp_payload};
///
/// assert_eq!(max_udp_payload(1500, IpVersion::V4), 1472);
/// assert_eq!(max_udp_payload(1500, IpVersion::V6), 1452);
/// ```
#[must_use]
pub const fn max_udp_payload(mtu_len_bytes: usize, version: IpVersion) -> usize {
    let ip_payload_len = mtu_len_bytes.saturating_sub(version.header_len());
    let max_len = version.max_payload_len();
    let udp_len = if ip_payload_len < max_len {
        ip_payload_len
    } else {
        max_len
    };
    udp_len.saturating_sub(HEADER_LEN)
}

/// A received UDP header.
pub(crate) struct UdpHeader {
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    /// Bytes after the header.
    pub(crate) payload_len: u16,
}

impl UdpHeader {
    /// Checks the datagram that `packet` carries. It may be shorter than the IP payload
    /// (RFC 9868 puts options into the surplus); the rest is ignored.
    pub(crate) fn parse(packet: &IpPacket<'_>, checksum: UdpChecksum) -> Result<Self, Refusal> {
        let header: &[u8; HEADER_LEN] =
            packet.payload.first_chunk().ok_or(Refusal::TruncatedUdp)?;
        let len = field::LEN.read_u16(header);
        let payload_len = len
            .checked_sub(HEADER_LEN as u16)
            .ok_or(Refusal::UdpLen(len))?;
        let datagram = packet
            .payload
            .get(..usize::from(len))
            .ok_or(Refusal::UdpLen(len))?;
        if checksum == UdpChecksum::Verify {
            verify(packet, len, field::CHECKSUM.read_u16(header), datagram)?;
        }
        Ok(Self {
            source_port: field::SOURCE_PORT.read_u16(header),
            destination_port: field::DESTINATION_PORT.read_u16(header),
            payload_len,
        })
    }
}

fn verify(packet: &IpPacket<'_>, len: u16, checksum: u16, datagram: &[u8]) -> Result<(), Refusal> {
    if checksum == 0 {
        return match packet.destination {
            IpAddr::V4(_) => Ok(()),
            IpAddr::V6(_) => Err(Refusal::UdpChecksumMissing),
        };
    }
    let sum = pseudo_header(packet.source, packet.destination, len).bytes(datagram);
    if sum.verifies() {
        Ok(())
    } else {
        Err(Refusal::UdpChecksum)
    }
}

/// Writes a UDP header at the start of `datagram`, whose payload is in place behind it.
/// `len` is the length of both; `None` if `datagram` is shorter than the header.
pub(crate) fn emit(
    datagram: &mut [u8],
    ports: (u16, u16),
    len: u16,
    pseudo_header: Checksum,
) -> Option<()> {
    let header: &mut [u8; HEADER_LEN] = datagram.first_chunk_mut()?;
    field::SOURCE_PORT.write_u16(header, ports.0);
    field::DESTINATION_PORT.write_u16(header, ports.1);
    field::LEN.write_u16(header, len);
    field::CHECKSUM.write_u16(header, 0);
    let checksum = match pseudo_header.bytes(datagram).finish() {
        // Zero would mean "not computed"; the other zero of ones' complement verifies as well (RFC
        // 768).
        0 => 0xffff,
        checksum => checksum,
    };
    let header: &mut [u8; HEADER_LEN] = datagram.first_chunk_mut()?;
    field::CHECKSUM.write_u16(header, checksum);
    Some(())
}

/// The sum over what a UDP checksum covers besides the datagram: addresses, protocol, length
/// (RFC 768; RFC 8200 section 8.1, whose wider fields add only zeros).
pub(crate) fn pseudo_header(source: IpAddr, destination: IpAddr, len: u16) -> Checksum {
    let sum = add_address(add_address(Checksum::new(), source), destination);
    sum.word(u16::from(PROTOCOL_UDP)).word(len)
}

fn add_address(sum: Checksum, address: IpAddr) -> Checksum {
    match address {
        IpAddr::V4(address) => sum.bytes(&address.octets()),
        IpAddr::V6(address) => sum.bytes(&address.octets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_for_an_mtu() {
        let cases = [
            (1500, IpVersion::V4, 1472),
            (1500, IpVersion::V6, 1452),
            (1280, IpVersion::V6, 1232),
            (28, IpVersion::V4, 0),
            (29, IpVersion::V4, 1),
            (48, IpVersion::V6, 0),
            (0, IpVersion::V4, 0),
            (0, IpVersion::V6, 0),
            (65_535, IpVersion::V4, 65_507),
            (65_575, IpVersion::V6, 65_527),
            (usize::MAX, IpVersion::V4, 65_507),
            (usize::MAX, IpVersion::V6, 65_527),
        ];
        for (mtu, version, payload) in cases {
            assert_eq!(max_udp_payload(mtu, version), payload, "{mtu} {version:?}");
        }
    }
}

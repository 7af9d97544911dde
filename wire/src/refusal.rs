//! Why a frame is not a UDP datagram for us.

use core::fmt;

use crate::EtherType;

/// One variant per cause, in the order in which [`Datagram::parse`](crate::Datagram::parse) checks
/// them.
///
/// ```
/// use xskit_wire::{Datagram, EtherType, Refusal, UdpChecksum};
///
/// let arp = b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06";
/// let refusal = Datagram::parse(arp, UdpChecksum::Verify);
/// assert_eq!(refusal, Err(Refusal::NotIp(EtherType(0x0806))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Shorter than an Ethernet header.
    TruncatedEthernet,
    /// Ends inside a VLAN tag, or before the type that follows it.
    TruncatedVlan,
    /// More than two VLAN tags.
    TooManyTags,
    /// Neither IPv4 nor IPv6: the type found.
    NotIp(EtherType),
    /// Ends inside the IPv4 header, options included.
    TruncatedIpv4,
    /// The type says IPv4, the packet another version: the version found.
    Ipv4Version(u8),
    /// An IPv4 header length below 20 bytes: the field found, in units of 4 bytes (RFC 791 section
    /// 3.1).
    Ipv4HeaderLen(u8),
    /// An IPv4 total length shorter than the header, or beyond the frame: the length found.
    Ipv4TotalLen(u16),
    /// The IPv4 header's checksum is wrong (RFC 1122 section 3.2.1.2).
    Ipv4Checksum,
    /// Part of a larger packet. Not reassembled: QUIC forbids fragments (RFC 9000 section 14).
    Fragment,
    /// Ends inside the IPv6 header.
    TruncatedIpv6,
    /// The type says IPv6, the packet another version: the version found.
    Ipv6Version(u8),
    /// An IPv6 payload length beyond the frame: the length found.
    Ipv6PayloadLen(u16),
    /// An IPv6 extension header: its number (RFC 8200 section 4).
    ExtensionHeader(u8),
    /// Another protocol over IP: its number.
    NotUdp(u8),
    /// The IP payload is shorter than a UDP header.
    TruncatedUdp,
    /// A UDP length below 8, or beyond the IP payload: the length found.
    UdpLen(u16),
    /// The UDP checksum is wrong.
    UdpChecksum,
    /// No UDP checksum, which IPv6 requires (RFC 8200 section 8.1).
    UdpChecksumMissing,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TruncatedEthernet => f.write_str("frame ends inside the Ethernet header"),
            Self::TruncatedVlan => f.write_str("frame ends inside a VLAN tag"),
            Self::TooManyTags => f.write_str("more than two VLAN tags"),
            Self::NotIp(ether_type) => write!(f, "not IP: Ethernet type {ether_type}"),
            Self::TruncatedIpv4 => f.write_str("frame ends inside the IPv4 header"),
            Self::Ipv4Version(version) => write!(f, "IPv4 header of version {version}"),
            Self::Ipv4HeaderLen(words) => {
                write!(f, "IPv4 header length of {words} words, least is 5")
            }
            Self::Ipv4TotalLen(len) => {
                write!(
                    f,
                    "IPv4 total length {len} below the header's or beyond the frame"
                )
            }
            Self::Ipv4Checksum => f.write_str("wrong IPv4 header checksum"),
            Self::Fragment => f.write_str("IP fragment"),
            Self::TruncatedIpv6 => f.write_str("frame ends inside the IPv6 header"),
            Self::Ipv6Version(version) => write!(f, "IPv6 header of version {version}"),
            Self::Ipv6PayloadLen(len) => write!(f, "IPv6 payload length {len} beyond the frame"),
            Self::ExtensionHeader(number) => write!(f, "IPv6 extension header {number}"),
            Self::NotUdp(protocol) => write!(f, "not UDP: IP protocol {protocol}"),
            Self::TruncatedUdp => f.write_str("IP payload ends inside the UDP header"),
            Self::UdpLen(len) => write!(f, "UDP length {len} below 8 or beyond the IP payload"),
            Self::UdpChecksum => f.write_str("wrong UDP checksum"),
            Self::UdpChecksumMissing => f.write_str("UDP over IPv6 without a checksum"),
        }
    }
}

impl core::error::Error for Refusal {}

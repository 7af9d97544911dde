//! What IPv4 and IPv6 have in common.

use core::net::{IpAddr, SocketAddr};

use crate::Ecn;

/// The number of UDP among IP protocols (RFC 768).
pub(crate) const PROTOCOL_UDP: u8 = 17;

/// The version of the Internet Protocol.
///
/// ```
/// use xskit_wire::IpVersion;
///
/// let version = IpVersion::of(&"[fd77::1]:443".parse()?);
/// assert_eq!((version, version.header_len()), (IpVersion::V6, 40));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpVersion {
    /// RFC 791.
    V4,
    /// RFC 8200.
    V6,
}

impl IpVersion {
    /// The version of an address.
    #[must_use]
    pub const fn of(address: &SocketAddr) -> Self {
        match address {
            SocketAddr::V4(_) => Self::V4,
            SocketAddr::V6(_) => Self::V6,
        }
    }

    /// Bytes of the header without options or extensions: 20 or 40.
    #[must_use]
    pub const fn header_len(self) -> usize {
        match self {
            Self::V4 => 20,
            Self::V6 => 40,
        }
    }

    /// The most bytes that fit behind that header: the total length of IPv4 counts the header in
    /// its 16 bits (RFC 791 section 3.1), the payload length of IPv6 does not (RFC
    /// 8200 section 3).
    pub(crate) const fn max_payload_len(self) -> usize {
        match self {
            Self::V4 => u16::MAX as usize - self.header_len(),
            Self::V6 => u16::MAX as usize,
        }
    }
}

/// A checked IP packet that carries UDP.
pub(crate) struct IpPacket<'a> {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) ecn: Ecn,
    pub(crate) hop_limit: u8,
    /// Bytes of the header, options included.
    pub(crate) header_len: usize,
    /// Without the padding after the packet.
    pub(crate) payload: &'a [u8],
}

//! A received UDP datagram: where it came from, and where its payload lies in the frame.

use core::net::SocketAddr;
use core::ops::Range;

use crate::udp::{self, UdpHeader};
use crate::{Ecn, EtherType, IpVersion, LinkPath, Refusal, UdpChecksum, UdpHeaders, ipv4, ipv6};

/// The headers of a received frame. It does not borrow the frame, so the payload can be borrowed as
/// `&mut` and opened in place.
///
/// The flow label and the scope of IPv6 addresses are zero, so that only the addresses are
/// compared.
///
/// ```
/// # use xskit_wire::{LinkPath, MacAddr, UdpHeaders};
/// use xskit_wire::{Datagram, UdpChecksum};
///
/// # let link = LinkPath::new(MacAddr::new([2, 0, 0, 0, 0, 1]), MacAddr::new([2, 0, 0, 0, 0, 2]));
/// # let headers = UdpHeaders::new(link, "10.77.0.1:4096".parse()?, "10.77.0.2:7".parse()?);
/// # let mut frame = [0; 64];
/// # frame[headers.header_len()..][..5].copy_from_slice(b"hello");
/// # headers.emit(&mut frame, 5)?;
/// let datagram = Datagram::parse(&frame, UdpChecksum::Verify)?;
/// assert_eq!(datagram.destination.port(), 7);
/// if let Some(payload) = datagram.payload_mut(&mut frame) {
///     payload.make_ascii_uppercase();
///     assert_eq!(payload, b"HELLO");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The path over the link that it came by.
    pub link: LinkPath,
    /// The sender's address and port.
    pub source: SocketAddr,
    /// The receiver's address and port, of the same IP version.
    pub destination: SocketAddr,
    /// The congestion mark.
    pub ecn: Ecn,
    /// IPv4's TTL, IPv6's hop limit.
    pub hop_limit: u8,
    /// In bytes from the start of the frame. At most 22 + 60 + 8.
    payload_start: u16,
    payload_len: u16,
}

impl Datagram {
    /// Reads the headers at the start of `frame`.
    ///
    /// # Errors
    ///
    /// The first [`Refusal`] that applies, if the frame is not a whole, well-formed UDP datagram.
    #[doc(alias = "decode_packet")]
    pub fn parse(frame: &[u8], checksum: UdpChecksum) -> Result<Self, Refusal> {
        let (link, ether_type, bytes) = LinkPath::parse(frame)?;
        let packet = match ether_type {
            EtherType::IPV4 => ipv4::parse(bytes)?,
            EtherType::IPV6 => ipv6::parse(bytes)?,
            other => return Err(Refusal::NotIp(other)),
        };
        let header = UdpHeader::parse(&packet, checksum)?;
        let payload_start = link.header_len() + packet.header_len + udp::HEADER_LEN;
        Ok(Self {
            link,
            source: SocketAddr::new(packet.source, header.source_port),
            destination: SocketAddr::new(packet.destination, header.destination_port),
            ecn: packet.ecn,
            hop_limit: packet.hop_limit,
            payload_start: payload_start as u16,
            payload_len: header.payload_len,
        })
    }

    /// Where the payload lies in the frame that was parsed, in bytes from its start.
    #[must_use]
    pub const fn payload_range(&self) -> Range<usize> {
        let start = self.payload_start as usize;
        start..start + self.payload_len as usize
    }

    /// The payload; `None` if `frame` is too short to be the one that was parsed.
    #[must_use]
    #[inline]
    pub fn payload<'a>(&self, frame: &'a [u8]) -> Option<&'a [u8]> {
        frame.get(self.payload_range())
    }

    /// The payload, to be opened in place; `None` if `frame` is too short to be the one that was
    /// parsed.
    #[must_use]
    #[inline]
    pub fn payload_mut<'a>(&self, frame: &'a mut [u8]) -> Option<&'a mut [u8]> {
        frame.get_mut(self.payload_range())
    }

    /// The version of IP that it came over.
    #[must_use]
    pub const fn version(&self) -> IpVersion {
        IpVersion::of(&self.source)
    }

    /// Headers for an answer, back along the path that it came by: MAC addresses, IP addresses and
    /// ports exchanged, the same VLAN tags, no ECN, a fresh hop limit.
    ///
    /// The answer to a frame for a group address needs the interface's own address as source: see
    /// [`LinkPath::reply`].
    #[must_use]
    pub const fn reply(&self) -> UdpHeaders {
        UdpHeaders::new(self.link.reply(), self.destination, self.source)
    }
}

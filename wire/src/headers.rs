//! The headers of a UDP datagram to send, from Ethernet to UDP.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use crate::ipv4::Ipv4Header;
use crate::ipv6::Ipv6Header;
use crate::udp::{self, pseudo_header};
use crate::{Ecn, EtherType, IpVersion, LinkPath};

/// The headers to write in front of a payload.
///
/// The flow label and the scope of an IPv6 address are not written. IPv4 goes out as "don't
/// fragment".
///
/// ```
/// use xskit_wire::{Ecn, LinkPath, MacAddr, UdpHeaders};
///
/// let link = LinkPath::new("02:00:00:00:00:01".parse()?, MacAddr::BROADCAST);
/// let mut headers = UdpHeaders::new(link, "[fd77::1]:4096".parse()?, "[ff02::1]:7".parse()?);
/// headers.ecn = Ecn::Ect0;
/// headers.hop_limit = 1;
///
/// let mut frame = [0; 2048];
/// let start = headers.header_len();
/// frame[start..start + 5].copy_from_slice(b"hello"); // the payload first, where the headers end
/// assert_eq!(headers.emit(&mut frame, 5)?, start + 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpHeaders {
    /// The path over the link.
    pub link: LinkPath,
    /// Our address and port.
    pub source: SocketAddr,
    /// The address and port to send to, of the same IP version.
    pub destination: SocketAddr,
    /// The congestion mark to send.
    pub ecn: Ecn,
    /// IPv4's TTL, IPv6's hop limit.
    pub hop_limit: u8,
}

impl UdpHeaders {
    /// The number of hops that hosts commonly allow (RFC 1700, "IP time to live parameter").
    pub const DEFAULT_HOP_LIMIT: u8 = 64;

    /// Headers without ECN, and with [`Self::DEFAULT_HOP_LIMIT`].
    #[must_use]
    pub const fn new(link: LinkPath, source: SocketAddr, destination: SocketAddr) -> Self {
        Self {
            link,
            source,
            destination,
            ecn: Ecn::NotEct,
            hop_limit: Self::DEFAULT_HOP_LIMIT,
        }
    }

    /// Bytes of all headers, which is where the payload starts: 42 to 50 for IPv4, 62 to 70 for
    /// IPv6.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        self.link.header_len() + IpVersion::of(&self.source).header_len() + udp::HEADER_LEN
    }

    /// Writes all headers, checksums included, in front of the payload that already lies at
    /// `frame[header_len..header_len + payload_len]`. Returns the length of the frame to send, in
    /// bytes.
    ///
    /// Does not pad to Ethernet's minimum length: the driver does.
    ///
    /// # Errors
    ///
    /// [`EmitError::MixedFamilies`] if the addresses are of different IP versions,
    /// [`EmitError::PayloadTooLong`] if no UDP datagram holds the payload,
    /// [`EmitError::FrameTooShort`] if the frame does not hold headers and payload. `frame` is then
    /// unchanged.
    #[doc(alias = "encode_packet")]
    pub fn emit(&self, frame: &mut [u8], payload_len: usize) -> Result<usize, EmitError> {
        let version = IpVersion::of(&self.source);
        if version != IpVersion::of(&self.destination) {
            return Err(EmitError::MixedFamilies);
        }
        let max_len = version.max_payload_len() - udp::HEADER_LEN;
        if payload_len > max_len {
            return Err(EmitError::PayloadTooLong {
                payload_len,
                max_len,
            });
        }
        let frame_len = self.header_len() + payload_len;
        let too_short = EmitError::FrameTooShort {
            len: frame.len(),
            frame_len,
        };
        let frame = frame.get_mut(..frame_len).ok_or(too_short)?;
        // There is room by now. The writers check it again, which keeps panics out of their code.
        self.write(frame, (udp::HEADER_LEN + payload_len) as u16)
            .ok_or(too_short)?;
        Ok(frame_len)
    }

    /// Fills the headers of a frame of the right length. `None` if it is too short after all.
    fn write(&self, frame: &mut [u8], udp_len: u16) -> Option<()> {
        let Self { ecn, hop_limit, .. } = *self;
        let datagram = match (self.source.ip(), self.destination.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let packet = self.link.emit(frame, EtherType::IPV4)?;
                let total_len = packet.len() as u16;
                let (header, datagram) = packet.split_first_chunk_mut()?;
                Ipv4Header {
                    source,
                    destination,
                    ecn,
                    ttl: hop_limit,
                    total_len,
                }
                .write(header);
                datagram
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let packet = self.link.emit(frame, EtherType::IPV6)?;
                let (header, datagram) = packet.split_first_chunk_mut()?;
                Ipv6Header {
                    source,
                    destination,
                    ecn,
                    hop_limit,
                    payload_len: udp_len,
                }
                .write(header);
                datagram
            }
            _ => return None,
        };
        let ports = (self.source.port(), self.destination.port());
        let sum = pseudo_header(self.source.ip(), self.destination.ip(), udp_len);
        udp::emit(datagram, ports, udp_len, sum)
    }
}

/// Why headers were not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmitError {
    /// One address is IPv4, the other IPv6.
    MixedFamilies,
    /// The payload is longer than a UDP datagram can be.
    PayloadTooLong {
        /// The payload's length, in bytes.
        payload_len: usize,
        /// The greatest length over this IP version, in bytes.
        max_len: usize,
    },
    /// Headers and payload are longer than the frame.
    FrameTooShort {
        /// The frame's length, in bytes.
        len: usize,
        /// The length needed, in bytes.
        frame_len: usize,
    },
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MixedFamilies => {
                f.write_str("source and destination are of different IP versions: give both as IPv4 or both as IPv6")
            }
            Self::PayloadTooLong { payload_len, max_len } => {
                write!(f, "payload of {payload_len} bytes, but a UDP datagram holds {max_len}: send less at once")
            }
            Self::FrameTooShort { len, frame_len } => {
                write!(f, "frame of {len} bytes, but headers and payload need {frame_len}: send less, or use larger frames")
            }
        }
    }
}

impl core::error::Error for EmitError {}

//! Packet headers, read and written: Ethernet with up to two VLAN tags, IPv4 or IPv6, UDP.
//!
//! ```text
//!  frame  ┌──────────┬───────────────┬───────────────┬─────┬─────────┬─────────┐
//!         │ Ethernet │ 0..=2 tags    │ IPv4 or IPv6  │ UDP │ payload │ padding │
//!         │ 14       │ 4 each        │ 20..=60 or 40 │ 8   │         │ ignored │
//!         └──────────┴───────────────┴───────────────┴─────┴─────────┴─────────┘
//!  bytes  └──────── LinkPath ────────┘
//!         └─────────────────── UdpHeaders ─────────────────┘
//! ```
//!
//! [`Datagram::parse`] reads a received frame and reports where the payload lies, so that it can be
//! opened in the frame it came in. [`UdpHeaders::emit`] writes all headers in front of a payload
//! that already lies in the frame it leaves in. [`Datagram::reply`] leads from one to the other.
//!
//! ```
//! use xskit_wire::{Datagram, LinkPath, MacAddr, UdpChecksum, UdpHeaders};
//!
//! let (near, far) = (MacAddr::new([2, 0, 0, 0, 0, 1]), MacAddr::new([2, 0, 0, 0, 0, 2]));
//! let (source, destination) = ("10.77.0.1:4096".parse()?, "10.77.0.2:7".parse()?);
//! let headers = UdpHeaders::new(LinkPath::new(near, far), source, destination);
//!
//! // Written: the payload lies in the frame first.
//! let mut frame = [0; 2048];
//! let start = headers.header_len();
//! frame[start..start + 5].copy_from_slice(b"hello");
//! let len = headers.emit(&mut frame, 5)?;
//!
//! // Read, and answered in the same frame.
//! let datagram = Datagram::parse(&frame[..len], UdpChecksum::Verify)?;
//! assert_eq!(datagram.payload(&frame), Some(&b"hello"[..]));
//! let answer = datagram.reply();
//! assert_eq!((answer.link.destination, answer.destination), (near, source));
//! assert_eq!(answer.emit(&mut frame, 5)?, len);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is accepted
//!
//! The XDP program of `xskit-bpf` decides first, in the kernel, and these are its rules too:
//! Ethernet II; at most two tags (0x8100, 0x88a8); IPv4 with any options, whole (not a fragment),
//! its total length within the frame; IPv6 with UDP directly after the fixed header; a UDP length
//! of at least 8 and within the IP payload. Bytes after the IP packet are padding. In addition, the
//! IPv4 header checksum is always verified here, and the UDP checksum on request ([`UdpChecksum`]).
//! Everything else is a [`Refusal`], one variant per cause.
//!
//! # Assumptions
//!
//! Nothing is assumed of received bytes: no input makes this crate panic. What is on the wire is
//! big-endian; ports, lengths and addresses in this crate's types are plain numbers. If a driver or
//! veth takes VLAN tags out of the frame ("VLAN offload"), this crate sees none.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod checksum;
mod datagram;
mod ecn;
mod ether_type;
mod ethernet;
mod field;
mod headers;
mod ip;
mod ipv4;
mod ipv6;
mod link_path;
mod mac;
pub mod pcap;
mod refusal;
mod udp;
mod vlan;

#[cfg(test)]
mod tests;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use checksum::Checksum;
pub use datagram::Datagram;
pub use ecn::Ecn;
pub use ether_type::EtherType;
pub use ethernet::swap_addresses;
pub use headers::{EmitError, UdpHeaders};
pub use ip::IpVersion;
pub use link_path::LinkPath;
pub use mac::{MacAddr, ParseMacAddrError};
pub use refusal::Refusal;
pub use udp::{UdpChecksum, max_udp_payload};
pub use vlan::{Tpid, VlanTag, VlanTags};

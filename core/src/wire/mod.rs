//! Packet headers, read and written: Ethernet with up to two VLAN tags, IPv4 or IPv6, UDP.
//!
//! ```text
//!  frame  ┌──────────┬───────────────┬───────────────┬─────┬─────────┬─────────┐
//!         │ Ethernet │ 0..=2 tags    │ IPv4 or IPv6  │ UDP │ payload │ padding │
//!         │ 14       │ 4 each        │ 20..=60 or 40 │ 8   │         │ ignored │
//!         └──────────┴───────────────┴───────────────┴─────┴─────────┴─────────┘
//!  bytes  └────────── Link ──────────┘
//!         └─────────────────── UdpHeaders ─────────────────┘
//! ```
//!
//! [`Datagram::parse`] reads a received frame and says where the payload lies, so that it can be
//! opened in the frame it came in. [`UdpHeaders::emit`] writes all headers in front of a payload
//! that already lies in the frame it leaves in. [`Datagram::reply`] leads from one to the other.
//!
//! # What is taken
//!
//! The XDP program decides first, in the kernel, and these are its rules too:
//! Ethernet II; at most two tags (0x8100, 0x88a8); IPv4 with any options, whole (not a fragment), its
//! total length within the frame; IPv6 with UDP directly after the fixed header; a UDP length
//! of at least 8 and within the IP payload. Bytes after the IP packet are padding.
//! Beyond that, the IPv4 header checksum is always verified here, and the UDP checksum if asked
//! ([`UdpChecksum`]). All else is a [`Refusal`], one variant a cause.
//!
//! # Assumptions
//!
//! Nothing is assumed of received bytes: no input makes this module panic. What is on the wire
//! is big-endian; ports, lengths and addresses in this module's types are plain numbers.
//! A driver or veth that takes VLAN tags out of the frame ("VLAN offload") shows none here.

mod checksum;
mod datagram;
mod ecn;
mod ethernet;
mod field;
mod headers;
mod ip;
mod ipv4;
mod ipv6;
mod link;
mod mac;
mod refusal;
mod udp;
mod vlan;

#[cfg(test)]
mod tests;

pub use checksum::Checksum;
pub use datagram::Datagram;
pub use ecn::Ecn;
pub use ethernet::{EtherType, swap_addresses};
pub use headers::{EmitError, UdpHeaders};
pub use ip::IpVersion;
pub use link::Link;
pub use mac::{MacAddr, ParseMacAddrError};
pub use refusal::Refusal;
pub use udp::{UdpChecksum, max_udp_payload};
pub use vlan::{Tpid, VlanTag, VlanTags};

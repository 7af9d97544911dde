//! The type field of an Ethernet header.

use core::fmt;

/// The type of what an Ethernet frame carries. A value below 0x0600 is a length instead (IEEE
/// 802.3, not Ethernet II).
///
/// ```
/// use xskit_wire::EtherType;
///
/// assert_eq!(EtherType::IPV6.to_string(), "0x86dd");
/// assert_ne!(EtherType(0x0806), EtherType::IPV4); // ARP
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EtherType(pub u16);

impl EtherType {
    /// IPv4, 0x0800 (RFC 894).
    #[doc(alias = "ETH_P_IP")]
    pub const IPV4: Self = Self(0x0800);
    /// IPv6, 0x86dd (RFC 2464 section 3).
    #[doc(alias = "ETH_P_IPV6")]
    pub const IPV6: Self = Self(0x86dd);
}

impl fmt::Display for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}", self.0)
    }
}

//! A range of IP addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A prefix: the IP addresses of one version that begin with the same bits, as `192.0.2.0/24` or
/// `2001:db8::/32`.
///
/// An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is IPv4, as on the wire. An address without a
/// length has all its bits; the unspecified one (`0.0.0.0`, `::`) has none, and means any address
/// of its version.
///
/// ```
/// use std::net::Ipv4Addr;
/// use xskit_bpf::Prefix;
///
/// let net: Prefix = "192.0.2.0/24".parse()?;
/// assert_eq!(net.to_string(), "192.0.2.0/24");
/// assert_eq!(Prefix::from(Ipv4Addr::LOCALHOST).to_string(), "127.0.0.1/32");
/// assert!("192.0.2.1/24".parse::<Prefix>().is_err(), "a bit after the 24th is set");
/// # Ok::<(), xskit_bpf::InvalidPrefix>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    address: IpAddr,
    len: u8,
}

impl Prefix {
    pub(crate) const ANY_IPV4: Self = Self {
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        len: 0,
    };
    pub(crate) const ANY_IPV6: Self = Self {
        address: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        len: 0,
    };

    /// The addresses that share their first `len` bits with `address`.
    ///
    /// # Errors
    /// [`InvalidPrefix`] if an address of this version has fewer than `len` bits, or if a bit of
    /// `address` after the first `len` is set.
    pub fn new(address: IpAddr, len: u8) -> Result<Self, InvalidPrefix> {
        let (address, len) = match address.to_canonical() {
            // ::ffff:0:0/96 has the IPv4-mapped addresses (RFC 4291, section 2.5.5.2).
            IpAddr::V4(inner) if address.is_ipv6() && len >= 96 => (IpAddr::V4(inner), len - 96),
            _ => (address, len),
        };
        let prefix = Self { address, len };
        let is_whole = match address {
            IpAddr::V4(bits) => len <= 32 && prefix.mask4() & u32::from(bits) == u32::from(bits),
            IpAddr::V6(bits) => len <= 128 && prefix.mask6() & u128::from(bits) == u128::from(bits),
        };
        is_whole
            .then_some(prefix)
            .ok_or_else(|| InvalidPrefix(format!("{address}/{len}")))
    }

    pub(crate) fn address(self) -> IpAddr {
        self.address
    }

    /// The prefix length in bits.
    pub(crate) fn len(self) -> u8 {
        self.len
    }

    /// The mask of an IPv4 prefix.
    pub(crate) fn mask4(self) -> u32 {
        let rest = 32u32.saturating_sub(self.len.into());
        u32::MAX.checked_shl(rest).unwrap_or(0)
    }

    /// The mask of an IPv6 prefix.
    pub(crate) fn mask6(self) -> u128 {
        let rest = 128u32.saturating_sub(self.len.into());
        u128::MAX.checked_shl(rest).unwrap_or(0)
    }
}

impl From<IpAddr> for Prefix {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let len = match address {
            _ if address.is_unspecified() => 0,
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        Self { address, len }
    }
}

impl From<Ipv4Addr> for Prefix {
    fn from(address: Ipv4Addr) -> Self {
        IpAddr::V4(address).into()
    }
}

impl From<Ipv6Addr> for Prefix {
    fn from(address: Ipv6Addr) -> Self {
        IpAddr::V6(address).into()
    }
}

impl FromStr for Prefix {
    type Err = InvalidPrefix;

    /// An address, or an address, a slash and the prefix length.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidPrefix(text.to_owned());
        let Some((address, len)) = text.split_once('/') else {
            return text.parse().map(IpAddr::into).map_err(|_| invalid());
        };
        let address = address.parse().map_err(|_| invalid())?;
        Self::new(address, len.parse().map_err(|_| invalid())?)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len)
    }
}

/// A text, or an address and a length, that is not a [`Prefix`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is not a prefix: write an address, a slash and the prefix length, with all bits after the prefix zero, as in \
     192.0.2.0/24 or 2001:db8::/32"
)]
pub struct InvalidPrefix(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_a_range_and_refuses_the_rest() {
        let read = |text: &str| text.parse::<Prefix>().map(|prefix| prefix.to_string());
        for (text, expected) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.1", "192.0.2.1/32"),
            ("0.0.0.0", "0.0.0.0/0"),
            ("0.0.0.0/32", "0.0.0.0/32"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("2001:db8::9", "2001:db8::9/128"),
            ("::", "::/0"),
            ("::ffff:192.0.2.1", "192.0.2.1/32"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::/95", "::/95"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "192.0.2.0/",
            "192.0.2.0/33",
            "192.0.2.1/24",
            "2001:db8::/129",
            "2001:db8::1/64",
            "host/24",
            "192.0.2.0/-1",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}

//! The address of a station on a link: 48 bits (IEEE 802).

use core::fmt;
use core::str::FromStr;

/// A MAC address. Written and read as `02:00:00:00:00:01`.
///
/// ```
/// use xskit_wire::MacAddr;
///
/// let address: MacAddr = "02:00:00:00:00:01".parse()?;
/// assert_eq!(address, MacAddr::new([2, 0, 0, 0, 0, 1]));
/// assert_eq!(address.to_string(), "02:00:00:00:00:01");
/// assert!(MacAddr::BROADCAST.is_group());
/// # Ok::<(), xskit_wire::ParseMacAddrError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr([u8; 6]);

impl MacAddr {
    /// Every station on the link, `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// The address with these bytes, in wire order.
    #[must_use]
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The six bytes, in wire order.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Whether it is a group address (multicast or broadcast), which is never a valid source.
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for MacAddr {
    type Err = ParseMacAddrError;

    /// Reads six pairs of hexadecimal digits, all separated by `:` or all by `-`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut pairs = text.split(separator);
        let mut octets = [0; 6];
        for octet in &mut octets {
            *octet = pairs.next().and_then(pair).ok_or(ParseMacAddrError)?;
        }
        match pairs.next() {
            None => Ok(Self(octets)),
            Some(_) => Err(ParseMacAddrError),
        }
    }
}

/// Exactly two hexadecimal digits. (`u8::from_str_radix` would also take a sign.)
fn pair(text: &str) -> Option<u8> {
    let &[high, low] = text.as_bytes() else {
        return None;
    };
    Some(nibble(high)? << 4 | nibble(low)?)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The text is not a MAC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseMacAddrError;

impl fmt::Display for ParseMacAddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not a MAC address: give six pairs of hexadecimal digits, like 02:00:00:00:00:01",
        )
    }
}

impl core::error::Error for ParseMacAddrError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn text_and_back() {
        let address = MacAddr::new([0x02, 0, 0x5e, 0xff, 0x0a, 0xb1]);
        assert_eq!(address.to_string(), "02:00:5e:ff:0a:b1");
        for text in [
            "02:00:5e:ff:0a:b1",
            "02:00:5E:FF:0A:B1",
            "02-00-5e-ff-0a-b1",
        ] {
            assert_eq!(text.parse(), Ok(address), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            ":",
            "02:00:5e:ff:0a",
            "02:00:5e:ff:0a:b1:00",
            "02:00:5e:ff:0a:b1:",
            "2:0:5e:ff:a:b1",
            "+2:00:5e:ff:0a:b1",
            "02:00-5e:ff:0a:b1",
            "02005eff0ab1",
            "02:00:5e:ff:0a:g1",
            "é:00:5e:ff:0a:b1",
        ] {
            assert_eq!(text.parse::<MacAddr>(), Err(ParseMacAddrError), "{text}");
        }
    }

    #[test]
    fn group_bit() {
        assert!(MacAddr::BROADCAST.is_group());
        assert!(MacAddr::new([0x33, 0x33, 0, 0, 0, 1]).is_group());
        assert!(!MacAddr::new([0x02, 0xff, 0, 0, 0, 1]).is_group());
    }
}

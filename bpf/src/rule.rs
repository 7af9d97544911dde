//! Which datagrams the program takes: the flags of a port and the keys of addresses, as `xskit.bpf.c` has them.

use std::net::IpAddr;

/// Flag of a port: datagrams to it at any IPv4 address are taken.
const ANY_IPV4: u8 = 1;
/// Likewise at any IPv6 address.
const ANY_IPV6: u8 = 2;
/// Flag of a port: the map of addresses may have a key with it. It stays when keys go: it only says that a look is due.
pub(crate) const SOME_ADDRESS: u8 = 4;

/// Bytes of a key: `struct destination`.
const KEY_LEN: usize = 20;

/// One rule for a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// These flags of the port: any address of the IP versions named.
    Any(u8),
    /// This key in the map of addresses.
    At([u8; KEY_LEN]),
}

/// The rule that takes `port` at `address`, or at any address at all.
///
/// The unspecified address (0.0.0.0 or ::) is, as everywhere, any address of its version. An IPv4 address in IPv6 clothes
/// (::ffff:192.0.2.1) is what it is on the wire: IPv4.
pub(crate) fn rule(port: u16, address: Option<IpAddr>) -> Rule {
    match address.map(|address| address.to_canonical()) {
        None => Rule::Any(ANY_IPV4 | ANY_IPV6),
        Some(IpAddr::V4(address)) if address.is_unspecified() => Rule::Any(ANY_IPV4),
        Some(IpAddr::V6(address)) if address.is_unspecified() => Rule::Any(ANY_IPV6),
        Some(IpAddr::V4(address)) => Rule::At(key(4, port, &address.octets())),
        Some(IpAddr::V6(address)) => Rule::At(key(6, port, &address.octets())),
    }
}

/// Lays a key out: family in host order, port in network order, address of up to 16 bytes, zeros.
fn key(family: u16, port: u16, address: &[u8]) -> [u8; KEY_LEN] {
    let fields = [&family.to_ne_bytes()[..], &port.to_be_bytes(), address];
    let mut key = [0; KEY_LEN];
    for (byte, &field) in key.iter_mut().zip(fields.into_iter().flatten()) {
        *byte = field;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Rule {
        rule(0x01bb, Some(address.parse().unwrap()))
    }

    #[test]
    fn lays_out_as_the_c_struct() {
        let [a, b] = 4u16.to_ne_bytes();
        assert_eq!(
            of("192.0.2.1"),
            Rule::At([
                a, b, 1, 0xbb, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
            ])
        );
        let [a, b] = 6u16.to_ne_bytes();
        assert_eq!(
            of("2001:db8::9"),
            Rule::At([
                a, b, 1, 0xbb, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9
            ])
        );
    }

    #[test]
    fn any_address_is_both_unspecified_ones() {
        let [ipv4, ipv6] = ["0.0.0.0", "::"].map(of);
        assert_eq!([ipv4, ipv6], [Rule::Any(ANY_IPV4), Rule::Any(ANY_IPV6)]);
        assert_eq!(rule(443, None), Rule::Any(ANY_IPV4 | ANY_IPV6));
        assert_eq!(of("::ffff:0.0.0.0"), ipv4);
    }

    #[test]
    fn mapped_address_is_ipv4() {
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}

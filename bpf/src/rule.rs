//! Which datagrams the program takes: the keys of its map of rules.

use std::net::IpAddr;

/// Bytes of a key: `struct rule` of `xskit.bpf.c`.
pub(crate) const KEY_LEN: usize = 20;

/// The key of one rule.
pub(crate) type Key = [u8; KEY_LEN];

/// The keys that take `port` at `address`: one, or, for any address at all, one for each IP version.
///
/// The unspecified address (0.0.0.0 or ::) is, as everywhere, any address of its version, which is also how the program
/// spells it. An IPv4 address in IPv6 clothes (::ffff:192.0.2.1) is what it is on the wire: IPv4.
pub(crate) fn keys(port: u16, address: Option<IpAddr>) -> impl Iterator<Item = Key> + Clone {
    let (first, second) = match address.map(|address| address.to_canonical()) {
        None => (key(4, port, &[]), Some(key(6, port, &[]))),
        Some(IpAddr::V4(address)) => (key(4, port, &address.octets()), None),
        Some(IpAddr::V6(address)) => (key(6, port, &address.octets()), None),
    };
    std::iter::once(first).chain(second)
}

/// Lays a key out: family in host order, port in network order, address of up to 16 bytes, zeros.
fn key(family: u16, port: u16, address: &[u8]) -> Key {
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

    fn of(address: Option<&str>) -> Vec<Key> {
        keys(0x01bb, address.map(|text| text.parse().unwrap())).collect()
    }

    #[test]
    fn lays_out_as_the_c_struct() {
        let [a, b] = 4u16.to_ne_bytes();
        assert_eq!(
            of(Some("192.0.2.1")),
            [[
                a, b, 1, 0xbb, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
            ]]
        );
        let [a, b] = 6u16.to_ne_bytes();
        assert_eq!(
            of(Some("2001:db8::9")),
            [[
                a, b, 1, 0xbb, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9
            ]]
        );
    }

    #[test]
    fn any_address_is_both_unspecified_ones() {
        assert_eq!(of(None), [of(Some("0.0.0.0")), of(Some("::"))].concat());
    }

    #[test]
    fn mapped_address_is_ipv4() {
        assert_eq!(of(Some("::ffff:192.0.2.1")), of(Some("192.0.2.1")));
    }
}

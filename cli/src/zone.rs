//! Zones of link-local IPv6 addresses (RFC 4007): the interface, by name or number, behind a `%`.
//!
//! All packets go by --iface, so a zone is never needed, and one that is given must be that
//! interface.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use anyhow::{Context, ensure};
use xskit::net::Link;

/// The index of an interface, given by name or number.
fn index(zone: &str) -> anyhow::Result<u32> {
    match zone.parse() {
        Ok(index) => Ok(index),
        Err(_) => Ok(Link::by_name(zone)?.index),
    }
}

/// Parses `ADDRESS` or `ADDRESS%ZONE`.
pub(crate) fn address(text: &str) -> anyhow::Result<(IpAddr, u32)> {
    match text.split_once('%') {
        None => Ok((text.parse()?, 0)),
        Some((address, zone)) => {
            let address: IpAddr = address.parse()?;
            ensure!(address.is_ipv6(), "only IPv6 addresses have a zone");
            let zone = index(zone).with_context(|| format!("the zone of {text:?}"))?;
            Ok((address, zone))
        }
    }
}

/// `ADDRESS:PORT`, an IPv6 address in brackets and with or without a zone.
pub(crate) fn socket_address(text: &str) -> anyhow::Result<SocketAddr> {
    let form = || format!("{text:?} is not ADDR:PORT, such as 192.0.2.1:443 or [fe80::1%eth1]:443");
    let (host, port) = text.rsplit_once(':').with_context(form)?;
    let port = port.parse().with_context(form)?;
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let (address, zone) = address(bare.unwrap_or(host)).with_context(form)?;
    ensure!(address.is_ipv6() == bare.is_some(), form());
    Ok(with(SocketAddr::new(address, port), zone))
}

/// The address with this zone.
pub(crate) fn with(address: SocketAddr, zone: u32) -> SocketAddr {
    match address {
        SocketAddr::V6(it) => SocketAddrV6::new(*it.ip(), it.port(), 0, zone).into(),
        SocketAddr::V4(_) => address,
    }
}

/// The address as in packets: without a zone.
pub(crate) fn bare(address: SocketAddr) -> SocketAddr {
    with(address, 0)
}

/// The address as the kernel wants it from a program: if link-local, with the zone of `link`.
pub(crate) fn on(address: SocketAddr, link: &Link) -> anyhow::Result<SocketAddr> {
    let SocketAddr::V6(ipv6) = address else {
        return Ok(address);
    };
    ensure!(
        [0, link.index].contains(&ipv6.scope_id()),
        "{}: its zone is interface {}, and --iface is {}, number {}; leave the zone out",
        address,
        ipv6.scope_id(),
        link.name,
        link.index
    );
    let zone = if ipv6.ip().is_unicast_link_local() {
        link.index
    } else {
        0
    };
    Ok(with(address, zone))
}

#[cfg(test)]
mod tests {
    use super::{address, bare, socket_address};

    #[test]
    fn zones_are_taken_by_number_and_by_name() {
        let lo = xskit::net::Link::by_name("lo").expect("loopback").index;
        let is = |text: &str, zone| assert_eq!(address(text).expect(text).1, zone, "{text}");
        is("fe80::1", 0);
        is("10.0.0.1", 0);
        is("fe80::1%7", 7);
        is("fe80::1%lo", lo);
        for wrong in ["fe80::1%", "fe80::1%nonesuch", "10.0.0.1%lo", "x", ""] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_to_listen_on_may_have_a_zone() {
        let text = |text| socket_address(text).map(|it| it.to_string());
        assert_eq!(text("[fe80::1%7]:443").expect("valid"), "[fe80::1%7]:443");
        assert_eq!(text("0.0.0.0:443").expect("valid"), "0.0.0.0:443");
        let zoned = socket_address("[fe80::1%7]:443").expect("valid");
        assert_eq!(bare(zoned).to_string(), "[fe80::1]:443");
        for wrong in [
            "fe80::1:443",
            "[10.0.0.1]:443",
            "[::1]",
            "10.0.0.1:x",
            ":443",
        ] {
            assert!(text(wrong).is_err(), "{wrong}");
        }
    }
}

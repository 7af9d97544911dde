//! Links, routes and neighbours of the two hosts of a pair.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use xskit_net::{Error, Link, Route, neighbour, route_to};
use xskit_testbed::{Host, HostPair};

/// Far above what a neighbour on the same veth takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Resolves an address of the wire from a host.
fn resolve(on: &Host, address: IpAddr, timeout: Duration) -> Result<[u8; 6], Error> {
    let resolved = on.run(|| neighbour::resolve(&on.link, address, timeout));
    resolved.unwrap()
}

/// The route to an address from a host.
fn route(on: &Host, to: IpAddr, interface: Option<&Link>) -> Result<Route, Error> {
    on.run(|| route_to(to, interface)).unwrap()
}

#[test]
fn a_neighbour_is_resolved_from_an_empty_table() {
    let Some(pair) = HostPair::for_test("a_neighbour_is_resolved_from_an_empty_table", 1) else {
        return;
    };
    let (first, second) = (&pair.first, &pair.second);
    for address in [IpAddr::from(second.ipv4), second.ipv6.unwrap().into()] {
        let resolve = |timeout| resolve(first, address, timeout);
        // With no time at all only the table is read: the kernel starts to ask, but cannot have
        // heard yet whether it will.
        match resolve(Duration::ZERO) {
            Err(Error::NoAnswer { .. }) => {}
            early => panic!("{address} must not be in a new table: {early:?}"),
        }
        assert_eq!(resolve(PATIENCE).unwrap(), second.mac, "{address}");
        // Now it is known, and no time is needed.
        assert_eq!(resolve(Duration::ZERO).unwrap(), second.mac, "{address}");
    }
}

#[test]
fn a_neighbour_that_does_not_answer_is_waited_for_no_longer_than_asked() {
    let test = "a_neighbour_that_does_not_answer_is_waited_for_no_longer_than_asked";
    let Some(pair) = HostPair::for_test(test, 1) else {
        return;
    };
    let first = &pair.first;
    let timeout = Duration::from_millis(100);
    for (address, protocol) in [("10.77.0.9", "ARP"), ("fd77::9", "neighbour discovery")] {
        let address: IpAddr = address.parse().unwrap();
        let error = resolve(first, address, timeout).unwrap_err();
        let expected = format!("no answer to {protocol} from {address} on xsk0 within 0.1 s");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}

#[test]
fn routes_lead_by_the_wire_or_nowhere() {
    let Some(pair) = HostPair::for_test("routes_lead_by_the_wire_or_nowhere", 1) else {
        return;
    };
    let (first, second) = (&pair.first, &pair.second);
    let both_families = [
        (IpAddr::from(first.ipv4), IpAddr::from(second.ipv4)),
        (first.ipv6.unwrap().into(), second.ipv6.unwrap().into()),
    ];
    for (own, peer) in both_families {
        for interface in [None, Some(&first.link)] {
            let route = route(first, peer, interface).unwrap();
            assert_eq!(route.interface_index, first.link.index);
            let ways = (route.source, route.gateway, route.next_hop());
            assert_eq!(ways, (own, None, peer));
        }
        let error = route(first, own, None).unwrap_err();
        assert_eq!(error, Error::LocalDestination { destination: own });
    }
    // Also with the interface named, for which the kernel alone would take it to be on the wire.
    for destination in ["192.0.2.1", "2001:db8::1"] {
        let destination: IpAddr = destination.parse().unwrap();
        for interface in [None, Some(&first.link)] {
            let error = route(first, destination, interface).unwrap_err();
            let has_none = matches!(error, Error::NoRoute { .. });
            assert!(has_none, "{destination}: {error}");
        }
    }
    let broadcast = IpAddr::from(Ipv4Addr::BROADCAST);
    let error = route(first, broadcast, Some(&first.link)).unwrap_err();
    let is_refused = matches!(error, Error::NotUnicast { .. } | Error::NoRoute { .. });
    assert!(is_refused, "{error}");
}

#[test]
fn an_interface_without_ethernet_resolves_nothing() {
    let test = "an_interface_without_ethernet_resolves_nothing";
    let Some(HostPair { first, second }) = HostPair::for_test(test, 1) else {
        return;
    };
    let lo = first.run(|| Link::by_name("lo")).unwrap().unwrap();
    lo.require_up().unwrap();
    let peer = IpAddr::from(second.ipv4);
    let resolved = first.run(|| neighbour::resolve(&lo, peer, PATIENCE));
    let error = resolved.unwrap().unwrap_err();
    assert_eq!(error, Error::NotEthernet { name: "lo".into() });
}

#[test]
fn a_veth_names_its_driver() {
    let Some(pair) = HostPair::for_test("a_veth_names_its_driver", 1) else {
        return;
    };
    let name = pair.first.run(|| pair.first.link.driver()).unwrap();
    assert_eq!(name, Ok(Some("veth".to_owned())));
}

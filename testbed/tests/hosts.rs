//! A pair of hosts comes up as asked, carries packets, and leaves nothing behind.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use xskit_net::{Error, Link, route_to};
use xskit_testbed::{self as testbed, Host, HostPair, HostPairConfig, WhenParentDies, privilege};

/// Far above what anything here takes; a test that runs into it fails, it does not measure.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_pair_comes_up_as_configured() {
    if !privilege::require_net_admin("a_pair_comes_up_as_configured") {
        return;
    }
    let config = HostPairConfig {
        queues: 3,
        mtu_bytes: 3000,
        ..HostPairConfig::default()
    };
    let pair = HostPair::new(config.clone()).unwrap();
    for (host, expected) in [(&pair.first, &config.first), (&pair.second, &config.second)] {
        let link = host
            .run(|| Link::by_name(&expected.interface))
            .unwrap()
            .unwrap();
        assert_eq!(link, host.link);
        link.require_up().unwrap();
        assert_eq!(link.mtu_bytes, 3000);
        assert_eq!(link.mac, Some(host.mac));
        assert!(link.xdp.is_empty());

        let queues = host.run(|| link.queues()).unwrap().unwrap();
        assert_eq!(
            (queues.rx, queues.tx, queues.both(), queues.is_exact),
            (3, 3, 3, true)
        );
        host.run(|| link.require_queue(2)).unwrap().unwrap();
        let refusal = host.run(|| link.require_queue(3)).unwrap().unwrap_err();
        assert!(
            matches!(
                refusal,
                Error::NoSuchQueue {
                    queue: 3,
                    rx: 3,
                    tx: 3,
                    ..
                }
            ),
            "{refusal}"
        );

        let addresses = host.run(|| link.addresses()).unwrap().unwrap();
        let networks: Vec<_> = addresses
            .iter()
            .map(|own| (own.address, own.prefix_len))
            .collect();
        assert!(
            networks.contains(&(expected.ipv4.into(), 24)),
            "{networks:?}"
        );
        assert!(
            networks.contains(&(expected.ipv6.unwrap().0.into(), 64)),
            "{networks:?}"
        );
        assert!(addresses.iter().all(|own| own.is_usable), "{addresses:?}");
    }
    assert_ne!(pair.first.mac, pair.second.mac);
}

#[test]
fn an_alternative_name_finds_the_interface() {
    let Some(pair) = HostPair::for_test("an_alternative_name_finds_the_interface", 1) else {
        return;
    };
    let host = &pair.first;
    let longest = "n".repeat(127);
    for name in ["alt0", "enxaabbccddeeff00longer", &longest] {
        let words = ["link", "property", "add", "dev", &host.link.name, "altname"];
        let mut command = Command::new("ip");
        command.args(words).arg(name).stdin(Stdio::null());
        host.namespace
            .enter_command(&mut command, WhenParentDies::Kill)
            .unwrap();
        assert!(command.status().unwrap().success(), "{name}");
        let found = host.run(|| Link::by_name(name)).unwrap();
        assert_eq!(found.as_ref(), Ok(&host.link), "{name}");
        let missing = host.run(|| Link::by_name(&format!("{name}x"))).unwrap();
        assert!(
            matches!(missing, Err(Error::NoSuchInterface { .. })),
            "{missing:?}"
        );
    }
}

/// The kernel lists an IPv6 address before it receives for it, in about every second pair.
#[test]
fn every_address_is_received_for_at_once() {
    if !privilege::require_net_admin("every_address_is_received_for_at_once") {
        return;
    }
    for _ in 0..50 {
        let pair = HostPair::new(HostPairConfig::default()).unwrap();
        // The host that got its addresses last comes first, before the kernel catches up.
        for host in [&pair.second, &pair.first] {
            let addresses: [IpAddr; 2] = [host.ipv6.unwrap().into(), host.ipv4.into()];
            let routes = host.run(|| addresses.map(|address| route_to(address, None)));
            for route in routes.unwrap() {
                assert!(
                    matches!(route, Err(Error::LocalDestination { .. })),
                    "{route:?}"
                );
            }
        }
    }
}

#[test]
fn only_the_hosts_own_addresses_pass() {
    let Some(pair) = HostPair::for_test("only_the_hosts_own_addresses_pass", 1) else {
        return;
    };
    let first = &pair.first;
    let check = |address: IpAddr| first.run(|| first.link.require_address(address)).unwrap();
    check(first.ipv4.into()).unwrap();
    check(first.ipv6.unwrap().into()).unwrap();
    check(IpAddr::from([0, 0, 0, 0])).unwrap();
    let refusal = check(pair.second.ipv4.into()).unwrap_err();
    assert!(matches!(refusal, Error::AddressNotHere { .. }));
    assert!(refusal.to_string().contains("10.77.0.1"), "{refusal}");
}

#[test]
fn udp_crosses_the_wire_both_ways() {
    let Some(pair) = HostPair::for_test("udp_crosses_the_wire_both_ways", 1) else {
        return;
    };
    echo(&pair.first, &pair.second, pair.second.ipv4.into());
    echo(&pair.second, &pair.first, pair.first.ipv6.unwrap().into());
}

/// A datagram from `from` to `address` of `to`, and back.
fn echo(from: &Host, to: &Host, address: IpAddr) {
    let receiver = to.run(|| UdpSocket::bind((address, 0))).unwrap().unwrap();
    let any: SocketAddr = if address.is_ipv4() {
        "0.0.0.0:0".parse().unwrap()
    } else {
        "[::]:0".parse().unwrap()
    };
    let sender = from.run(|| UdpSocket::bind(any)).unwrap().unwrap();
    for socket in [&sender, &receiver] {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    let mut buffer = [0; 32];
    sender
        .send_to(b"there", receiver.local_addr().unwrap())
        .unwrap();
    let (len, origin) = receiver.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"there");
    receiver.send_to(b"and back", origin).unwrap();
    let (len, _) = sender.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"and back");
}

#[test]
fn hosts_may_do_without_ipv6_and_share_a_name() {
    if !privilege::require_net_admin("hosts_may_do_without_ipv6_and_share_a_name") {
        return;
    }
    let mut config = HostPairConfig::default();
    for host in [&mut config.first, &mut config.second] {
        host.interface = "wire".into();
        host.ipv6 = None;
    }
    let pair = HostPair::new(config).unwrap();
    assert_eq!(pair.second.link.name, "wire");
    echo(&pair.first, &pair.second, pair.second.ipv4.into());
}

#[test]
fn what_the_kernel_does_not_take_is_an_error() {
    if !privilege::require_net_admin("what_the_kernel_does_not_take_is_an_error") {
        return;
    }
    let no_queue = HostPairConfig {
        queues: 0,
        ..HostPairConfig::default()
    };
    let tiny = HostPairConfig {
        mtu_bytes: 1,
        ..HostPairConfig::default()
    };
    let mut nameless = HostPairConfig::default();
    nameless.second.interface = "a/b".into();
    for config in [no_queue, tiny, nameless] {
        let error = HostPair::new(config).unwrap_err();
        let refused = matches!(error, testbed::Error::Network(Error::Refused { .. }));
        assert!(refused, "{error}");
        assert!(
            error.to_string().contains("RTM_NEWLINK (veth pair"),
            "{error}"
        );
    }
}

/// A namespace that is gone takes its end of the wire with it, and so the other host's: the
/// kernel's own word that nothing is left of a dropped host.
#[test]
fn a_dropped_host_is_gone() {
    if !privilege::require_net_admin("a_dropped_host_is_gone") {
        return;
    }
    let mut config = HostPairConfig::default();
    config.first.interface = "xsk-drop0".into();
    config.second.interface = "xsk-drop1".into();
    let HostPair { first, second } = HostPair::new(config).unwrap();
    let is_outside = || {
        let links = Link::all().unwrap();
        links.iter().any(|it| it.name.starts_with("xsk-drop"))
    };
    assert!(!is_outside());

    drop(second);
    let given_up = Instant::now() + PATIENCE;
    loop {
        match first.run(|| Link::by_index(first.link.index)).unwrap() {
            Err(Error::NoSuchIndex { .. }) => break,
            answer => assert!(
                Instant::now() < given_up,
                "the wire is still there: {answer:?}"
            ),
        }
        thread::sleep(Duration::from_millis(5));
    }
    let left = first.run(Link::all).unwrap().unwrap();
    assert!(left.iter().all(|link| link.name != "xsk-drop0"), "{left:?}");
    assert!(!is_outside());
}

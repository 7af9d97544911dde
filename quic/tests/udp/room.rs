//! Sockets that refuse to send: without room while a wire's other host is absent, and from an
//! address that is gone.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{set_socket_send_buffer_size, socket_send_buffer_size};
use xskit_quic::driver::{UdpConfig, UdpDriver};
use xskit_quic::{Endpoint, Transmit};
use xskit_testbed::{Host, HostPair, HostPairConfig, WhenParentDies, privilege};

use super::{PATIENCE, address, driver};

/// Numbered datagrams of one size, so that each is missed if it is lost.
struct Numbers {
    next: u64,
    end: u64,
    way: Transmit<()>,
    arrived: Vec<u64>,
}

impl Numbers {
    fn new(end: u64, from: SocketAddr, to: SocketAddr) -> Self {
        let link = ();
        Self {
            next: 0,
            end,
            way: Transmit {
                len: 1000,
                from,
                to,
                link,
            },
            arrived: Vec::new(),
        }
    }
}

impl Endpoint for Numbers {
    type LinkPath = ();

    fn handle_datagram(
        &mut self,
        _now: Instant,
        datagram: &mut [u8],
        _from: SocketAddr,
        _to: SocketAddr,
        _link: (),
    ) {
        assert_eq!(datagram.len(), 1000);
        self.arrived
            .push(u64::from_be_bytes(datagram[..8].try_into().unwrap()));
    }

    fn poll_transmit(&mut self, _now: Instant, out: &mut [u8]) -> Option<Transmit<()>> {
        (self.next < self.end).then(|| {
            out[..8].copy_from_slice(&self.next.to_be_bytes());
            self.next += 1;
            self.way
        })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn handle_timeout(&mut self, _now: Instant) {}
}

#[test]
fn an_address_that_is_gone_takes_offload_away_for_a_moment_only() {
    let mut sender = driver("[::]:0", UdpConfig::default());
    let mut receiver = driver("[::1]:0", UdpConfig::default());
    let (port, to) = (address(&sender).port(), address(&receiver));
    let most = sender.segments();
    assert!(most > 1);
    // An address of no interface (RFC 3849). Linux refuses it with EINVAL, as it does what a device
    // can't do.
    let mut numbers = Numbers::new(
        10,
        SocketAddr::new("2001:db8::1".parse().unwrap(), port),
        to,
    );
    while sender.turn(&mut numbers).unwrap() {}
    assert_eq!((sender.counters().unsendable, sender.segments()), (10, 1));
    let mut numbers = Numbers::new(20, SocketAddr::new("::1".parse().unwrap(), port), to);
    let deadline = Instant::now() + PATIENCE;
    let mut arrived = Numbers::new(0, to, to);
    while sender.segments() < most || arrived.arrived.len() < 20 {
        assert!(Instant::now() < deadline, "{sender:?}");
        let is_more = sender.turn(&mut numbers).unwrap() | receiver.turn(&mut arrived).unwrap();
        sender
            .rest(&mut numbers, is_more, Duration::from_millis(50))
            .unwrap();
    }
    assert_eq!(
        (sender.counters().sent, sender.counters().unsendable),
        (20, 10)
    );
    // Until offload was restored, each went in its own send.
    assert!(sender.calls().sends >= 20);
}

/// A socket without room: nothing is lost, the endpoint keeps what was not polled, and waiting
/// takes no processor time.
fn fill_up(from: &Host, to: &Host, segmentation_offload: bool) {
    let interface = &from.link.name;
    // The kernel queues datagrams while it resolves the neighbour, which here never ends.
    from.run(|| {
        let solicit = format!("/proc/sys/net/ipv4/neigh/{interface}/mcast_solicit");
        fs::write(solicit, "1000000").unwrap();
    })
    .unwrap();
    let (absent, source) = (SocketAddr::from(([10, 77, 0, 99], 9)), (from.ipv4, 0));
    let socket = from.run(|| UdpSocket::bind(source)).unwrap().unwrap();
    set_socket_send_buffer_size(&socket, 1).unwrap();
    let room = socket_send_buffer_size(&socket).unwrap();
    let config = UdpConfig {
        segmentation_offload,
        ..UdpConfig::default()
    };
    let mut sender = UdpDriver::new(socket, config).unwrap();
    let mut numbers = Numbers::new(1000, address(&sender), absent);
    while sender.turn(&mut numbers).unwrap() {}
    let counters = sender.counters().clone();
    assert!(
        counters.sent < 1000,
        "{counters:?} with room for {room} bytes"
    );
    assert_eq!(sender.calls().blocked_sends, 1);
    let taken = numbers.next;
    assert!(taken - counters.sent <= 66, "{taken} taken, {counters:?}");
    // Each further turn tries once, and takes nothing more from the endpoint.
    for turns in 2..10 {
        assert!(!sender.turn(&mut numbers).unwrap());
        assert_eq!(sender.calls().blocked_sends, turns);
    }
    assert_eq!((numbers.next, sender.counters()), (taken, &counters));
    // Without room, the wait lasts its whole time.
    let calls = sender.calls();
    let rested = sender.rest(&mut numbers, false, Duration::from_millis(50));
    assert!(rested.unwrap() && sender.calls().waits == calls.waits + 1);

    // The absent host comes up.
    ip(to, &format!("addr add 10.77.0.99/24 dev {}", to.link.name));
    let socket = to.run(|| UdpSocket::bind(absent)).unwrap().unwrap();
    let mut receiver = UdpDriver::new(socket, config).unwrap();
    let mut arrived = Numbers::new(0, absent, absent);
    let neighbour = format!("lladdr {} dev {interface} nud permanent", mac(to));
    ip(from, &format!("neigh replace 10.77.0.99 {neighbour}"));
    let deadline = Instant::now() + PATIENCE;
    while arrived.arrived.len() < 1000 {
        assert!(
            Instant::now() < deadline,
            "{} of 1000 arrived: {:?}, {:?}",
            arrived.arrived.len(),
            sender.counters(),
            sender.calls()
        );
        let is_more = sender.turn(&mut numbers).unwrap() | receiver.turn(&mut arrived).unwrap();
        let moment = Duration::from_millis(1);
        sender.rest(&mut numbers, is_more, moment).unwrap();
        receiver.rest(&mut arrived, is_more, moment).unwrap();
    }
    assert!(arrived.arrived.iter().copied().eq(0..1000), "out of order");
    assert_eq!(
        (sender.counters().sent, sender.counters().unsendable),
        (1000, 0)
    );
    ip(from, &format!("neigh del 10.77.0.99 dev {interface}"));
    ip(to, &format!("addr del 10.77.0.99/24 dev {}", to.link.name));
}

#[test]
fn what_a_socket_has_no_room_for_waits_and_nothing_is_lost() {
    if !privilege::require_net_admin("what_a_socket_has_no_room_for_waits_and_nothing_is_lost") {
        return;
    }
    let pair = HostPair::new(HostPairConfig::default()).unwrap();
    for segmentation_offload in [false, true] {
        fill_up(&pair.first, &pair.second, segmentation_offload);
    }
}

fn mac(host: &Host) -> String {
    let octets = host.mac.map(|octet| format!("{octet:02x}"));
    octets.join(":")
}

fn ip(host: &Host, words: &str) {
    let mut command = Command::new("ip");
    command.args(words.split(' '));
    host.namespace
        .enter_command(&mut command, WhenParentDies::Kill)
        .unwrap();
    assert!(command.status().unwrap().success(), "ip {words}");
}

//! The bytes sent to an unproven address: at most three times those that came from it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use xskit_quic::Endpoint;
use xskit_quic::{Client, FileServer};

use super::raw::{Raw, request};
use super::world::{Faults, NAME, Pki, Site, files, server_addr};

const FACTOR: usize = 3;
const VICTIMS: usize = 8;

/// Bytes by address, checked at each one sent.
#[derive(Default)]
struct Scales(HashMap<SocketAddr, (usize, usize)>);

impl Scales {
    fn received(&mut self, from: SocketAddr, bytes: usize) {
        self.0.entry(from).or_default().0 += bytes;
    }

    fn sent(&mut self, to: SocketAddr, bytes: usize) {
        let (received, sent) = self.0.entry(to).or_default();
        *sent += bytes;
        assert!(
            *sent <= FACTOR * *received,
            "{sent} bytes to {to}, which sent {received}"
        );
    }

    fn total_sent(&self) -> usize {
        self.0.values().map(|(_, sent)| sent).sum()
    }
}

/// An attacker that sends first packets with forged source addresses.
struct Liar {
    server: FileServer<()>,
    scales: Scales,
}

impl Liar {
    fn new(config: &Site) -> Self {
        Self {
            server: config.serve(Instant::now()),
            scales: Scales::default(),
        }
    }

    fn say(&mut self, victim: SocketAddr, datagram: &mut [u8]) {
        self.scales.received(victim, datagram.len());
        self.server
            .handle_datagram(Instant::now(), datagram, victim, server_addr(), ());
    }

    /// Everything that the server sends now.
    fn weigh(&mut self, now: Instant) {
        let mut out = [0; 2000];
        while let Some(sent) = self.server.poll_transmit(now, &mut out) {
            self.scales.sent(sent.to, sent.len);
        }
    }

    /// Lets the server's timers fire for a while.
    fn let_pass(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Some(due) = self.server.poll_timeout().filter(|due| *due < end) {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            self.server.handle_timeout(Instant::now());
            self.weigh(Instant::now());
        }
    }
}

fn victim(number: usize) -> SocketAddr {
    let number = u8::try_from(number).unwrap();
    SocketAddr::from(([203, 0, 113, number], 7000))
}

fn client(to: SocketAddr) -> quiche::Connection {
    let mut config = quiche::Config::new(quiche::PROTOCOL_VERSION).unwrap();
    config
        .set_application_protos(quiche::h3::APPLICATION_PROTOCOL)
        .unwrap();
    config.set_initial_rtt(Duration::from_millis(1));
    let id = quiche::ConnectionId::from_ref(&[7; 8]);
    quiche::connect(Some(NAME), &id, to, server_addr(), &mut config).unwrap()
}

/// A server whose retransmissions come fast.
fn hasty(mut site: Site) -> Site {
    site.transport.initial_rtt = Duration::from_millis(1);
    site
}

/// Sends first packets in the name of each victim, then `rounds` times the same in datagrams of
/// `again_bytes`, then nothing.
fn attack(config: &Site, rounds: usize, again_bytes: usize) -> Liar {
    let mut liar = Liar::new(config);
    let mut out = [0; 1200];
    let mut clients: Vec<_> = (0..VICTIMS)
        .map(|at| (victim(at), client(victim(at))))
        .collect();
    for round in 0..=rounds {
        for (victim, client) in &mut clients {
            let mut bytes = 1200;
            if round > 0 {
                let due = client.timeout_instant().unwrap();
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                client.on_timeout();
                bytes = again_bytes;
            }
            while let Ok((len, _)) = client.send(&mut out[..bytes]) {
                liar.say(*victim, &mut out[..len]);
            }
        }
        liar.weigh(Instant::now());
    }
    liar.let_pass(Duration::from_millis(400));
    let late = Instant::now() + config.handshake_timeout;
    liar.server.handle_timeout(late);
    liar.weigh(late);
    assert_eq!(liar.server.stats().connections.active, 0);
    liar
}

#[test]
fn one_first_packet_and_silence_is_not_worth_a_lie() {
    let liar = attack(&hasty(Site::new(&[])), 0, 0);
    // The timers ask for more than may be sent: less than a datagram is left of the allowance.
    let received: u64 = liar.server.stats().bytes_in;
    let allowed = FACTOR * received as usize;
    let sent = liar.scales.total_sent();
    assert!(sent > allowed - VICTIMS * 1200, "{sent} of {allowed}");
}

#[test]
fn small_first_packets_are_not_worth_a_lie() {
    let liar = attack(&hasty(Site::new(&[])), 4, 100);
    // They were dropped: a client must expand each datagram with an Initial packet.
    let stats = liar.server.stats();
    assert!(
        stats.dropped.short_initial > 10 * VICTIMS as u64,
        "{stats:?}"
    );
    assert_eq!(
        stats.delivered,
        stats.datagrams_in - stats.dropped.short_initial
    );
    assert!(liar.scales.total_sent() > VICTIMS * 1200, "retransmissions");
}

#[test]
fn first_packets_sent_again_are_not_worth_a_lie() {
    let liar = attack(&hasty(Site::new(&[])), 4, 1200);
    assert_eq!(liar.server.stats().dropped.short_initial, 0);
    assert!(
        liar.scales.total_sent() > VICTIMS * 4 * 1200,
        "acknowledgements"
    );
}

#[test]
fn a_large_certificate_is_not_worth_a_lie() {
    attack(&hasty(Site::of(large(), files(&[]))), 4, 1200);
}

#[test]
fn answers_without_a_connection_are_not_worth_a_lie() {
    let mut site = hasty(Site::new(&[]));
    site.retry_above_half_open = 0;
    let liar = attack(&site, 4, 1200);
    assert!(liar.server.stats().answered.retry > 0);
    site.max_connections = 0;
    attack(&site, 4, 1200);
}

#[test]
fn a_path_that_a_client_claims_to_have_moved_to_is_not_worth_a_lie() {
    let mut site = hasty(Site::new(&[4 << 20]));
    site.transport.initial_window_packets = 1000;
    let mut raw = Raw::connect(&site);
    raw.send(&request("GET", &format!("/{}", 4 << 20)), true);
    let (mut scales, mut out) = (Scales::default(), [0; 2000]);
    let home = "198.51.100.7:9".parse().unwrap();
    for _ in 0..40 {
        // All that the client sends comes from a forged address, and no answer arrives.
        raw.quic.send_ack_eliciting().unwrap();
        while let Ok((len, _)) = raw.quic.send(&mut out) {
            let from = victim(0);
            scales.received(from, len);
            raw.server
                .handle_datagram(Instant::now(), &mut out[..len], from, server_addr(), ());
        }
        if let Some(due) = raw.server.poll_timeout() {
            let wait = due.saturating_duration_since(Instant::now());
            std::thread::sleep(wait.min(Duration::from_millis(20)));
            raw.server.handle_timeout(Instant::now());
        }
        while let Some(sent) = raw.server.poll_transmit(Instant::now(), &mut out) {
            if sent.to != home {
                scales.sent(sent.to, sent.len);
            }
        }
    }
    assert!(scales.total_sent() > 0, "it was followed");
}

/// A certificate of several datagrams.
fn large() -> Pki {
    let names: Vec<String> = (0..400).map(|at| format!("host-{at}.{NAME}")).collect();
    let names = [NAME].into_iter().chain(names.iter().map(String::as_str));
    Pki::with_names(&names.collect::<Vec<_>>())
}

#[test]
fn an_honest_client_gets_a_large_certificate() {
    let site = Site::of(large(), files(&[1000]));
    let mut world = site.world();
    assert_eq!(world.fetch(&site.client(), "/1000").0, 200);
    let sent = world.server.stats().bytes_out;
    assert!(sent > 10_000, "{sent}");
    world.close();
}

#[test]
fn what_is_held_back_goes_out_when_the_client_sends_again() {
    let site = Site::of(large(), files(&[1000]));
    let mut world = site.world();
    let at = world.connect(&site.client());
    world.send_all();
    let first_flight: usize = world.tap().map(|packet| packet.bytes.len()).sum();
    world.step();
    // All of the server's first answers are lost, and its allowance is used up.
    world.faults = Faults {
        lost: 1000,
        ..Faults::default()
    };
    while world.server.stats().bytes_out < 2 * first_flight as u64 {
        world.advance("the allowance is used up");
    }
    world.faults = Faults::default();
    world.run("connected", |world| world.peers[at].connected);
    world.close();
}

/// The server's timers are not run, so that it sends only because the client has asked again.
#[test]
fn a_first_answer_that_was_lost_is_sent_again_as_soon_as_the_client_asks() {
    let site = Site::new(&[1]);
    let mut liar = Liar::new(&site);
    let from = victim(1);
    let mut client = Client::new(&site.client(), from, server_addr(), (), Instant::now()).unwrap();
    let mut buffer = [0; 2000];
    for is_lost in [true, false] {
        while let Some(sent) = client.poll_transmit(Instant::now(), &mut buffer) {
            liar.say(from, &mut buffer[..sent.len]);
        }
        let mut answer = [0; 2000];
        while let Some(sent) = liar.server.poll_transmit(Instant::now(), &mut answer) {
            liar.scales.sent(sent.to, sent.len);
            if !is_lost {
                let answer = &mut answer[..sent.len];
                client.handle_datagram(Instant::now(), answer, server_addr(), from, ());
            }
        }
        assert_eq!(client.is_connected(), !is_lost);
        if is_lost {
            let due = client.poll_timeout().unwrap();
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            client.handle_timeout(Instant::now());
        }
    }
}

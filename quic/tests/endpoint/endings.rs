//! Connections that end, or never begin.

use std::time::{Duration, Instant};

use xskit_quic::Endpoint;
use xskit_quic::client::ConnectionEnd;
use xskit_quic::{Client, FileServer};

use super::raw::{Answer, Raw, request};
use super::world::{Faults, Pki, Site, World, server_addr, serving};

const SHORT: Duration = Duration::from_millis(300);

fn end(world: &World, at: usize) -> &ConnectionEnd {
    world.peers[at].end.as_ref().expect("it has ended")
}

#[test]
fn nobody_there() {
    let (site, mut world) = serving(&[]);
    world.server_lives = false;
    let mut client = site.client();
    client.handshake_timeout = SHORT;
    let at = world.connect(&client);
    world.run("the end", |world| world.peers[at].end.is_some());
    assert_eq!(
        *end(&world, at),
        ConnectionEnd::Unreachable { after: SHORT }
    );
}

#[test]
fn a_handshake_has_its_time_from_when_packets_can_leave() {
    let pki = Pki::new();
    let mut config = pki.client();
    config.handshake_timeout = SHORT;
    let (here, made) = (server_addr(), Instant::now());
    let mut client = Client::new(&config, here, here, (), made).unwrap();
    let begun = made + 10 * SHORT;
    client.restart_handshake_timeout(begun);
    client.handle_timeout(begun);
    assert!(!client.is_over());
    client.handle_timeout(begun + SHORT);
    assert!(client.is_over());
}

#[test]
fn a_handshake_that_gets_nowhere() {
    let mut site = Site::new(&[]);
    site.handshake_timeout = SHORT;
    let mut world = site.world();
    let mut client = site.client();
    client.handshake_timeout = SHORT;
    let at = world.connect(&client);
    world.step();
    world.faults = Faults {
        lost: 1000,
        ..Faults::default()
    };
    world.run("the client's end", |world| world.peers[at].end.is_some());
    world.run("the server's end", |world| {
        world.server.stats().connections.active == 0
    });
    let stats = world.server.stats();
    assert_eq!(
        (stats.connections.handshake_timeouts, stats.connections.ids),
        (1, 0)
    );
    assert!(matches!(end(&world, at), ConnectionEnd::Unreachable { .. }));
}

/// A client that sends its first flight, and then only receives.
struct Mute {
    server: FileServer<()>,
    client: quiche::Connection,
    begun: Instant,
}

impl Mute {
    fn new(config: &Site) -> Self {
        let mut client = quiche::Config::new(quiche::PROTOCOL_VERSION).unwrap();
        let id = quiche::ConnectionId::from_ref(&[3; 8]);
        client
            .set_application_protos(quiche::h3::APPLICATION_PROTOCOL)
            .unwrap();
        client.verify_peer(false);
        let (from, to) = (
            "198.51.100.7:9".parse().unwrap(),
            super::world::server_addr(),
        );
        let mut client = quiche::connect(None, &id, from, to, &mut client).unwrap();
        let begun = Instant::now();
        let mut server = config.serve(begun);
        let mut buf = [0; 2000];
        while let Ok((len, _)) = client.send(&mut buf) {
            server.handle_datagram(begun, &mut buf[..len], from, to, ());
        }
        Self {
            server,
            client,
            begun,
        }
    }

    /// Receives what the server sends. Returns how many datagrams that is.
    fn listen(&mut self, now: Instant) -> usize {
        let mut buf = [0; 2000];
        let mut heard = 0;
        while let Some(sent) = self.server.poll_transmit(now, &mut buf) {
            let (from, to) = (sent.from, sent.to);
            let _ = self
                .client
                .recv(&mut buf[..sent.len], quiche::RecvInfo { from, to });
            heard += 1;
        }
        heard
    }
}

#[test]
fn a_client_is_told_that_its_handshake_took_too_long() {
    let site = Site::new(&[]);
    let mut mute = Mute::new(&site);
    assert!(mute.listen(mute.begun) > 0);
    let late = mute.begun + site.handshake_timeout;
    mute.server.handle_timeout(late);
    assert_eq!(mute.listen(late), 1, "one goodbye");
    let error = mute.client.peer_error().expect("told");
    assert_eq!((error.is_app, error.error_code), (false, 2), "{error:?}");
    assert_eq!(error.reason, b"the handshake took too long");
    let connections = mute.server.stats().connections;
    assert_eq!((connections.handshake_timeouts, connections.active), (1, 0));
}

#[test]
fn a_goodbye_is_not_worth_more_than_an_address_was_proven_for() {
    let site = Site::new(&[]);
    let mut mute = Mute::new(&site);
    // Until the server has used up its allowance of three times what it got.
    let mut sent = mute.listen(mute.begun);
    let late = mute.begun + site.handshake_timeout;
    while sent > 0 {
        let due = mute.server.poll_timeout().expect("a timer");
        if due >= late {
            break;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        mute.server.handle_timeout(Instant::now());
        sent = mute.listen(Instant::now());
    }
    mute.server.handle_timeout(late);
    assert_eq!(mute.listen(late), 0);
    let connections = mute.server.stats().connections;
    assert_eq!((connections.handshake_timeouts, connections.active), (1, 0));
}

#[test]
fn the_server_dies_in_the_middle() {
    for is_servers in [false, true] {
        let mut site = Site::new(&[4 << 20]);
        let mut client = site.client();
        match is_servers {
            true => site.transport.idle_timeout = SHORT,
            false => client.transport.idle_timeout = SHORT,
        }
        let mut world = site.world();
        let (at, id) = world.ask(&client, &format!("/{}", 4 << 20));
        world.run_past(at, id, 0);
        world.server_lives = false;
        world.run("the end", |world| world.peers[at].end.is_some());
        let after = SHORT;
        assert_eq!(
            *end(&world, at),
            ConnectionEnd::IdleTimeout { after, is_servers }
        );
        let whose = ["this side's idle timeout", "the server's idle timeout"];
        let told = end(&world, at).to_string();
        assert!(told.contains(whose[usize::from(is_servers)]), "{told}");
    }
}

#[test]
fn the_client_dies_in_the_middle() {
    let mut site = Site::new(&[4 << 20]);
    site.transport.idle_timeout = SHORT;
    let mut world = site.world();
    let (at, id) = world.ask(&site.client(), &format!("/{}", 4 << 20));
    world.run_past(at, id, 0);
    world.peers.clear();
    world.run("the end", |world| {
        world.server.stats().connections.active == 0
    });
    let stats = world.server.stats();
    assert_eq!(
        (
            stats.connections.idle_timeouts,
            world.server.application().common().body_bytes_held()
        ),
        (1, 0)
    );
    assert_eq!(world.server.poll_timeout(), None);
}

#[test]
fn a_full_server_refuses_politely_and_takes_clients_again() {
    let mut site = Site::new(&[1]);
    site.max_connections = 2;
    let mut world = site.world();
    for _ in 0..2 {
        world.connect(&site.client());
    }
    world.run("two", |world| world.peers.iter().all(|peer| peer.connected));
    let third = world.connect(&site.client());
    world.run("a refusal", |world| world.peers[third].end.is_some());
    assert!(
        matches!(end(&world, third), ConnectionEnd::Refused { .. }),
        "{}",
        end(&world, third)
    );
    let stats = world.server.stats();
    // One refusal per datagram of the client's first flight.
    assert_eq!(stats.connections.active, 2);
    assert!((1..=2).contains(&stats.answered.refused), "{stats:?}");
    assert!(
        stats.answered.retry >= 1,
        "only a proven address is worth a refusal"
    );
    world.peers[0].client.close(Instant::now());
    world.run("room", |world| world.server.stats().connections.active == 1);
    let fourth = world.connect(&site.client());
    world.run("taken", |world| world.peers[fourth].connected);
    world.check_accounts();
}

#[test]
fn idle_endpoints_ask_for_nothing() {
    let (site, mut world) = serving(&[1]);
    assert_eq!(world.server.poll_timeout(), None);
    world.fetch(&site.client(), "/1");
    world.close();
    world.run("silence", |world| world.server.poll_timeout().is_none());
    assert!(!world.step());
}

/// A key may protect a bounded number of packets, and quiche starts no key update.
#[test]
fn a_connection_whose_keys_are_nearly_used_up_is_drained() {
    let mut site = Site::new(&[20_000]);
    site.max_packets_sent = 400;
    let mut raw = Raw::connect(&site);
    for _ in 0..100 {
        raw.exchange();
        if raw.quic.peer_error().is_some() {
            break;
        }
        let answer = raw.ask(&request("GET", "/20000"), None);
        assert_eq!(answer.body.len(), 20_000);
    }
    let error = raw.quic.peer_error().expect("drained");
    let no_error = quiche::h3::WireErrorCode::NoError as u64;
    assert_eq!((error.is_app, error.error_code), (true, no_error));
    let stats = raw.server.stats();
    assert_eq!(stats.connections.key_limits, 0);
    assert!((350..400).contains(&stats.packets.sent), "{stats:?}");
}

#[test]
fn a_connection_whose_keys_are_used_up_ends() {
    let mut site = Site::new(&[1 << 20]);
    site.max_packets_sent = 240;
    let mut raw = Raw::connect(&site);
    raw.send(&request("GET", &format!("/{}", 1 << 20)), true);
    let mut answer = Answer::default();
    for _ in 0..100 {
        raw.exchange();
        raw.take_events(0, &mut answer);
    }
    let error = raw.quic.peer_error().expect("closed");
    let code = quiche::WireErrorCode::AeadLimitReached as u64;
    assert_eq!((error.is_app, error.error_code), (false, code));
    // One more is CONNECTION_CLOSE, and handshake packets that share a datagram have other keys.
    let sent = raw.server.stats().packets.sent;
    assert!(sent <= 240 + 1 + 4, "{sent}");
}

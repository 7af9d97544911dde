//! A client that comes back with a ticket, and its requests before the handshake is done.

use std::time::Instant;

use xskit_quic::Endpoint;
use xskit_quic::client::{ClientEvent, ConnectionEnd, Ticket};
use xskit_quic::{
    Client, ClientConfig, FileServer, Handler, Http, HttpConfig, Reply, Request, Response, Server,
    ServerConfig,
};

use super::world::{Pki, Site, World, content, server_addr};

const SIZE: usize = 20_000;

/// Answers with the number of requests so far, but not before the handshake is done.
#[derive(Default)]
struct Count(u32);

impl Handler for Count {
    type Exchange = ();

    fn request(&mut self, request: &Request<'_>, reply: &mut Reply<'_>) {
        self.0 += 1;
        reply.respond(match request.is_early() || request.path() == "/never" {
            true => Response::text(425, "wait"),
            false => Response::text(200, self.0.to_string()),
        });
    }
}

/// A site that accepts early data.
fn early(sizes: &[usize]) -> Site {
    let mut site = Site::new(sizes);
    site.early_data = true;
    site
}

/// A configuration with the ticket of a first connection.
fn returning<H: Handler>(
    world: &mut World<Http<H>>,
    first: &ClientConfig,
    path: &str,
) -> ClientConfig {
    let mut config = first.clone();
    world.fetch(&config, path);
    let client = &world.peers.last().unwrap().client;
    assert!(!client.is_resumed());
    config.ticket = client.ticket();
    assert!(config.ticket.is_some());
    config
}

/// Gets the file. Returns whether the connection was resumed, and how many requests were early.
fn get(world: &mut World, config: &ClientConfig) -> (bool, u64) {
    let answer = world.fetch(config, &format!("/{SIZE}"));
    assert_eq!(answer, (200, content(SIZE)));
    let client = &world.peers.last().unwrap().client;
    (client.is_resumed(), client.stats().early_requests)
}

#[test]
fn a_ticket_spares_the_handshake_and_its_wait() {
    let site = early(&[SIZE]);
    let mut world = site.world();
    let mut config = returning(&mut world, &site.client(), &format!("/{SIZE}"));
    assert_eq!(get(&mut world, &config), (true, 1));
    assert_eq!(world.server.stats().connections.early, 1);
    config.early_data = false;
    assert_eq!(get(&mut world, &config), (true, 0));
    assert_eq!(world.server.stats().connections.early, 1);
    world.close();
}

#[test]
fn what_may_not_come_twice_waits_and_so_does_what_is_asked_later() {
    let site = early(&[1]);
    let mut world = site.world();
    let config = returning(&mut world, &site.client(), "/1");
    let at = world.connect(&config);
    let client = &mut world.peers[at].client;
    for method in ["GET", "HEAD", "OPTIONS", "POST", "GET"] {
        client.request(method, "/1", &[], "").unwrap();
    }
    world.run("five answers", |world| {
        let peer = &world.peers[at];
        peer.finished.len() + peer.failed.len() == 5
    });
    let peer = &world.peers[at];
    assert_eq!((&peer.failed, &peer.end), (&vec![], &None));
    assert!(peer.connected);
    assert_eq!(peer.client.stats().early_requests, 3);
    world.close();
}

/// A restarted server no longer knows the ticket.
#[test]
fn what_was_rejected_is_sent_again() {
    let site = early(&[SIZE]);
    let mut first = site.world();
    let config = returning(&mut first, &site.client(), &format!("/{SIZE}"));
    let mut second = site.world();
    assert_eq!(get(&mut second, &config), (false, 1));
    assert_eq!(second.server.application().counters().requests, 1);
    second.close();
}

#[test]
fn early_requests_survive_a_retry_and_losses() {
    let mut site = early(&[SIZE]);
    site.retry_above_half_open = 0;
    let mut world = site.world();
    let config = returning(&mut world, &site.client(), &format!("/{SIZE}"));
    for lost in [0, 200] {
        world.faults.lost = lost;
        assert_eq!(get(&mut world, &config).1, 1);
    }
    world.check_accounts();
}

#[test]
fn who_was_told_that_it_was_too_early_asks_once_more() {
    let pki = Pki::new();
    let mut config = ServerConfig::new(pki.identity.clone());
    config.early_data = true;
    let http = Http::new(Count::default(), &HttpConfig::default()).unwrap();
    let mut world = World::of_http(Server::new(&config, http, Instant::now()).unwrap());
    let config = returning(&mut world, &pki.client(), "/");
    assert_eq!(world.fetch(&config, "/"), (200, b"3".to_vec()));
    // The second 425 is passed on as the answer.
    assert_eq!(world.fetch(&config, "/never"), (425, b"wait".to_vec()));
    assert_eq!(world.server.application().counters().requests, 5);
    world.close();
}

#[test]
fn a_ticket_that_can_not_be_used_does_no_harm() {
    let site = early(&[SIZE]);
    let mut world = site.world();
    let mut config = returning(&mut world, &site.client(), &format!("/{SIZE}"));
    let ticket = config.ticket.take().unwrap();
    let whole = ticket.as_bytes();
    let mut changed = whole.to_vec();
    changed[60..].fill(0xff);
    for bytes in [&[], &whole[..32], &whole[..whole.len() / 2], &changed] {
        config.ticket = Some(Ticket::from(bytes.to_vec()));
        assert_eq!(get(&mut world, &config), (false, 0));
    }
    // Cut off in the transport parameters: the part of TLS is whole.
    config.ticket = Some(Ticket::from(whole[..whole.len() - 1].to_vec()));
    get(&mut world, &config);
    // Under other trust, the ticket is not used.
    config.trust = xskit_quic::client::Trust::Anyone;
    config.ticket = Some(ticket);
    assert_eq!(get(&mut world, &config), (false, 0));
    world.close();
}

/// A client whose early request is lost is bound by the handshake's limit, not the request's.
#[test]
fn an_early_request_has_no_time_limit_of_its_own() {
    let site = early(&[1]);
    let mut world = site.world();
    let mut config = returning(&mut world, &site.client(), "/1");
    config.progress_timeout = std::time::Duration::ZERO;
    let now = Instant::now();
    let from = "198.51.100.7:99".parse().unwrap();
    let mut client = Client::new(&config, from, server_addr(), (), now).unwrap();
    client.get("/1", None);
    while client.poll_transmit(now, &mut [0; 2000]).is_some() {}
    assert_eq!(client.stats().early_requests, 1);
    client.handle_timeout(now);
    assert!(client.poll_event().is_none());
}

/// The client has its answer before the handshake is done at the server, which can't read a close
/// before that.
#[test]
fn who_closes_at_once_leaves_no_handshake_behind() {
    let site = early(&[1]);
    let mut world = site.world();
    let config = returning(&mut world, &site.client(), "/1");
    let (server, now) = (&mut world.server, Instant::now());
    let from = "198.51.100.7:99".parse().unwrap();
    let mut client = Client::new(&config, from, server_addr(), (), now).unwrap();
    client.get("/1", None);
    let mut buffer = [0; 2000];
    let mut to_server = |client: &mut Client<()>, server: &mut FileServer<u16>| {
        while let Some(sent) = client.poll_transmit(now, &mut buffer) {
            server.handle_datagram(now, &mut buffer[..sent.len], from, server_addr(), 0);
        }
    };
    to_server(&mut client, server);
    let mut answer = [0; 2000];
    while let Some(sent) = server.poll_transmit(now, &mut answer) {
        client.handle_datagram(now, &mut answer[..sent.len], server_addr(), from, ());
    }
    assert!(client.is_connected());
    client.close(now);
    assert!(client.is_over());
    to_server(&mut client, server);
    let connections = server.stats().connections;
    assert_eq!((connections.established, connections.half_open), (2, 0));
    let is_by_us = |event: &ClientEvent| matches!(event, ClientEvent::Closed(ConnectionEnd::ByUs));
    assert!(std::iter::from_fn(|| client.poll_event()).any(|event| is_by_us(&event)));
}

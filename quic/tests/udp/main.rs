//! Endpoints over kernel UDP sockets.

mod room;

use std::collections::HashMap;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SendFlags, SocketType, ipproto};
use sha2::{Digest, Sha256};
use xskit_quic::cert::{Authority, Validity};
use xskit_quic::client::{ClientEvent, Connections, Trust};
use xskit_quic::driver::{UdpConfig, UdpDriver};
use xskit_quic::{Client, ClientConfig, FileServer, Identity, ServerConfig};
use xskit_testbed::{Capability, privilege};

const FILE_BYTES: usize = 8 << 20;
const PAYLOAD_BYTES: usize = 1452;
/// Only to fail rather than hang.
const PATIENCE: Duration = Duration::from_secs(120);

fn driver(address: &str, config: UdpConfig) -> UdpDriver {
    UdpDriver::new(UdpSocket::bind(address).unwrap(), config).unwrap()
}

fn address(driver: &UdpDriver) -> SocketAddr {
    driver.socket().local_addr().unwrap()
}

/// A server with one file, and clients that will ask for it.
fn endpoints_of(
    root: &std::path::Path,
    file: &[u8],
    ways: &[(SocketAddr, SocketAddr)],
) -> (FileServer<()>, Vec<Client<()>>) {
    fs::write(root.join("file"), file).unwrap();
    let authority = Authority::new().unwrap();
    let pem = authority
        .issue(&["a.test".to_owned()], Validity::days(1))
        .unwrap();
    let identity = Identity::from_pem(pem.certificate.as_bytes(), pem.key.as_bytes());
    let mut config = ServerConfig::new(identity.unwrap());
    config.transport.max_udp_payload_bytes = PAYLOAD_BYTES;
    let now = Instant::now();
    let server = FileServer::of_directory(root, &config, now).unwrap();
    let mut config = ClientConfig::new("a.test", 4433, Trust::Pem(authority.pem()));
    config.transport.max_udp_payload_bytes = PAYLOAD_BYTES;
    let client = |(from, to): &_| Client::new(&config, *from, *to, (), now).unwrap();
    (server, ways.iter().map(client).collect())
}

/// The same with one client.
fn endpoints(
    root: &std::path::Path,
    file: &[u8],
    way: (SocketAddr, SocketAddr),
) -> (FileServer<()>, Client<()>) {
    let (server, mut clients) = endpoints_of(root, file, &[way]);
    (server, clients.remove(0))
}

/// Has a client fetch the file from a server at `to`, which need not be the address that the server
/// is bound to.
fn fetch(at_server: &mut UdpDriver, at_client: &mut UdpDriver, to: SocketAddr, file: &[u8]) {
    let root = tempfile::tempdir().unwrap();
    let (mut server, mut client) = endpoints(root.path(), file, (address(at_client), to));
    let request = client.get("/file", None);
    let (mut hash, mut len, mut chunk) = (Sha256::new(), 0, vec![0; 64 << 10]);
    let deadline = Instant::now() + PATIENCE;
    'transfer: loop {
        assert!(
            Instant::now() < deadline,
            "{len} bytes in {PATIENCE:?}: {:?}",
            at_server.counters()
        );
        let mut is_more = at_client.turn(&mut client).unwrap();
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::Finished(_) => break 'transfer,
                ClientEvent::Failed(_, error) => panic!("{error}"),
                ClientEvent::Closed(end) => panic!("{end}"),
                ClientEvent::Body(_) => loop {
                    match client.read_body(request, &mut chunk) {
                        0 => break,
                        read => {
                            hash.update(&chunk[..read]);
                            len += read;
                            is_more = true;
                        }
                    }
                },
                _ => {}
            }
        }
        is_more |= at_server.turn(&mut server).unwrap();
        // The waits take turns, so a datagram for the other side is noticed a moment later.
        let moment = Duration::from_millis(1);
        at_client.rest(&mut client, is_more, moment).unwrap();
        at_server.rest(&mut server, is_more, moment).unwrap();
    }
    assert_eq!(len, file.len());
    assert_eq!(hash.finalize(), Sha256::digest(file));
}

fn file() -> Vec<u8> {
    let word = |number: u32| number.wrapping_mul(2_654_435_761).to_le_bytes();
    (0..FILE_BYTES as u32 / 4).flat_map(word).collect()
}

#[test]
fn a_file_arrives_and_with_offload_a_call_moves_many_datagrams() {
    let file = file();
    let calls_per_datagram = |segmentation_offload| {
        let config = UdpConfig {
            segmentation_offload,
            ..UdpConfig::default()
        };
        let mut at_server = driver("127.0.0.1:0", config);
        let mut at_client = driver("127.0.0.1:0", config);
        let to = address(&at_server);
        fetch(&mut at_server, &mut at_client, to, &file);
        let (calls, counters) = (at_server.calls(), at_server.counters());
        assert_eq!(calls.blocked_sends, 0);
        // Probes for a larger MTU fit loopback's.
        assert_eq!(counters.unsendable, 0);
        assert!(counters.sent >= (FILE_BYTES / PAYLOAD_BYTES) as u64);
        assert!(at_client.counters().received <= counters.sent);
        (calls.sends, counters.sent)
    };
    let (calls, datagrams) = calls_per_datagram(false);
    assert_eq!(calls, datagrams);
    let (calls, datagrams) = calls_per_datagram(true);
    assert!(
        calls * 8 <= datagrams,
        "{calls} sends for {datagrams} datagrams"
    );
}

#[test]
fn a_server_on_a_wildcard_answers_from_the_address_that_it_was_asked_at() {
    let file = &file()[..100_000];
    for (wildcard, client, asked) in [
        ("0.0.0.0:0", "127.0.0.1:0", "127.0.0.9"),
        ("[::]:0", "[::1]:0", "::1"),
        // Both families on one socket.
        ("[::]:0", "127.0.0.1:0", "127.0.0.9"),
    ] {
        let config = UdpConfig::default();
        let mut at_server = driver(wildcard, config);
        let to = SocketAddr::new(asked.parse().unwrap(), address(&at_server).port());
        // A connected socket receives only from the address that the client asked.
        let socket = UdpSocket::bind(client).unwrap();
        socket.connect(to).unwrap();
        let mut at_client = UdpDriver::new(socket, config).unwrap();
        fetch(&mut at_server, &mut at_client, to, file);
        assert_eq!(at_server.counters().unsendable, 0, "{wildcard}");
    }
}

/// Clients of two servers, over one socket.
#[test]
fn several_connections_share_a_socket() {
    const CLIENTS: usize = 6;
    let file = &file()[..300_000];
    let config = UdpConfig::default();
    let mut at_clients = driver("127.0.0.1:0", config);
    let from = address(&at_clients);
    let mut clients = Connections::new();
    let mut servers = Vec::new();
    for host in ["127.0.0.1:0", "127.0.0.9:0"] {
        let at_server = driver(host, config);
        let root = tempfile::tempdir().unwrap();
        let ways = [(from, address(&at_server)); CLIENTS / 2];
        let (server, new) = endpoints_of(root.path(), file, &ways);
        for mut client in new {
            client.get("/file", None);
            clients.insert(client);
        }
        servers.push((at_server, server, root));
    }
    let (mut bodies, mut ended) = (HashMap::new(), 0);
    let mut chunk = vec![0; 64 << 10];
    let deadline = Instant::now() + PATIENCE;
    while ended < CLIENTS {
        assert!(Instant::now() < deadline, "{ended} of {CLIENTS} have ended");
        let mut is_more = at_clients.turn(&mut clients).unwrap();
        while let Some((key, client)) = clients.poll_ready() {
            while let Some(event) = client.poll_event() {
                match event {
                    ClientEvent::Body(request) => loop {
                        match client.read_body(request, &mut chunk) {
                            0 => break,
                            read => {
                                let body: &mut Vec<u8> = bodies.entry(key).or_default();
                                body.extend_from_slice(&chunk[..read]);
                                is_more = true;
                            }
                        }
                    },
                    ClientEvent::Finished(_) => {
                        client.close(Instant::now());
                        is_more = true;
                    }
                    ClientEvent::Failed(_, error) => panic!("{error}"),
                    _ => {}
                }
            }
        }
        while let Some((key, client)) = clients.poll_over() {
            assert!(client.is_over() && bodies[&key] == *file);
            ended += 1;
        }
        let moment = Duration::from_millis(1);
        for (at_server, server, _) in &mut servers {
            is_more |= at_server.turn(server).unwrap();
            at_server.rest(server, is_more, moment).unwrap();
        }
        at_clients.rest(&mut clients, is_more, moment).unwrap();
    }
    assert!(clients.is_empty());
    for (at_server, server, _) in &servers {
        assert_eq!(server.stats().connections.established, 3);
        assert_eq!(at_server.counters().unsendable, 0);
    }
}

#[test]
fn datagrams_that_nobody_can_be_answered_at_are_dropped_and_empty_ones_are_none() {
    let mut at_server = driver("127.0.0.1:0", UdpConfig::default());
    let to = address(&at_server);
    let root = tempfile::tempdir().unwrap();
    let (mut server, _) = endpoints(root.path(), b"", (to, to));
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in [&[][..], &[0; 20], &[0; 1200]] {
        sender.send_to(datagram, to).unwrap();
    }
    at_server.turn(&mut server).unwrap();
    assert_eq!(at_server.counters().received, 3);
    assert_eq!(server.stats().dropped.malformed, 3);
}

#[test]
fn an_answer_to_port_0_is_not_tried() {
    if !privilege::require("an_answer_to_port_0_is_not_tried", &[Capability::NetRaw]) {
        return;
    }
    let mut at_server = driver("0.0.0.0:0", UdpConfig::default());
    let port = address(&at_server).port();
    let root = tempfile::tempdir().unwrap();
    let to = SocketAddr::from(([127, 0, 0, 1], port));
    let (mut server, _) = endpoints(root.path(), b"", (to, to));
    // A packet of an unknown version is answered, except if its source port is 0.
    let mut datagram = vec![0; 8 + 1200];
    datagram[2..4].copy_from_slice(&port.to_be_bytes());
    datagram[4..6].copy_from_slice(&1208_u16.to_be_bytes());
    datagram[8..14].copy_from_slice(&[0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8]);
    let raw = rustix::net::socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::UDP));
    let raw = raw.unwrap();
    for source in [0, 9_u16] {
        datagram[..2].copy_from_slice(&source.to_be_bytes());
        rustix::net::sendto(&raw, &datagram, SendFlags::empty(), &to).unwrap();
    }
    while at_server.counters().received < 2 {
        let is_more = at_server.turn(&mut server).unwrap();
        let moment = Duration::from_millis(1);
        at_server.rest(&mut server, is_more, moment).unwrap();
    }
    let counters = at_server.counters();
    assert_eq!((counters.unanswerable.group, counters.sent), (1, 1));
    assert_eq!(counters.unsendable, 0);
    assert!(at_server.segments() > 1);
}

//! A server and a client, each with its driver on a socket of the simulated kernel: the whole way
//! of a packet but the system calls, on a wire with accidents.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use xskit_core::sim::{HeapMemory, Rng, SimBackend, SimNetwork, WireConfig};
use xskit_core::umem::{FrameSize, FrameSlot, Umem};
use xskit_core::{Backend, Socket, SocketConfig};
use xskit_quic::cert::{Authority, Validity};
use xskit_quic::client::{ClientEvent, Trust};
use xskit_quic::driver::{Driver, DriverConfig};
use xskit_quic::{Client, ClientConfig, FileServer, Identity, ServerConfig};
use xskit_wire::{LinkPath, MacAddr, UdpHeaders};

const FRAMES: usize = 1024;
const FILE_BYTES: usize = 2 << 20;
const SERVER_MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 2]);
const CLIENT_MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);
/// Only to fail rather than hang.
const PATIENCE: Duration = Duration::from_secs(120);

type SimUmem<'s> = Umem<'s, HeapMemory>;
type SimDriver<'s, 'u> = Driver<'s, 'u, SimBackend>;

fn server_address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 2], 4433))
}

fn client_address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 50_000))
}

fn umem(slots: &mut [FrameSlot]) -> SimUmem<'_> {
    Umem::new(HeapMemory::new(FRAMES * 4096), slots, FrameSize::DEFAULT).expect("a UMEM")
}

fn socket<'u>(
    backend: &'u SimBackend,
    umem: &'u SimUmem<'u>,
    ifindex: u32,
) -> Socket<'u, SimBackend> {
    Socket::open(backend, umem, &SocketConfig::new(ifindex, 0)).expect("a socket")
}

fn driver<'s, 'u>(socket: &'s mut Socket<'u, SimBackend>) -> SimDriver<'s, 'u> {
    Driver::new(
        socket,
        DriverConfig {
            patience: 0,
            ..DriverConfig::default()
        },
    )
}

/// A server with one file, and a client that asks for it.
fn endpoints(root: &std::path::Path, file: &[u8]) -> (FileServer<LinkPath>, Client<LinkPath>) {
    std::fs::write(root.join("file"), file).expect("written");
    let authority = Authority::new().expect("an authority");
    let pem = authority
        .issue(&["a.test".to_owned()], Validity::days(1))
        .expect("a certificate");
    let identity = Identity::from_pem(pem.certificate.as_bytes(), pem.key.as_bytes());
    let config = ServerConfig::new(identity.expect("an identity"));
    let now = Instant::now();
    let server = FileServer::of_directory(root, &config, now).expect("a server");
    let config = ClientConfig::new("a.test", 4433, Trust::Pem(authority.pem()));
    let link = LinkPath::new(CLIENT_MAC, SERVER_MAC);
    let client = Client::new(&config, client_address(), server_address(), link, now);
    (server, client.expect("a client"))
}

/// Fetches the file over this wire; `between` is called after every turn.
fn fetch(wire: WireConfig, mut between: impl FnMut(&mut SimDriver<'_, '_>)) {
    let network = SimNetwork::new(wire, 7);
    let backend = network.backend();
    let (mut slots_a, mut slots_b) = (
        vec![FrameSlot::new(); FRAMES],
        vec![FrameSlot::new(); FRAMES],
    );
    let (umem_a, umem_b) = (umem(&mut slots_a), umem(&mut slots_b));
    let mut client_socket = socket(&backend, &umem_a, 1);
    let mut server_socket = socket(&backend, &umem_b, 2);
    let (mut at_client, mut at_server) = (driver(&mut client_socket), driver(&mut server_socket));
    let root = tempfile::tempdir().expect("a directory");
    let mut rng = Rng::new(1);
    let file: Vec<u8> = (0..FILE_BYTES).map(|_| rng.next_u64() as u8).collect();
    let (mut server, mut client) = endpoints(root.path(), &file);
    let request = client.get("/file", None);
    let (mut got, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
    let deadline = Instant::now() + PATIENCE;
    'transfer: loop {
        assert!(
            Instant::now() < deadline,
            "{} bytes in {PATIENCE:?}",
            got.len()
        );
        let moved = at_client.turn(&mut client).expect("a turn");
        between(&mut at_client);
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::Finished(_) => break 'transfer,
                ClientEvent::Failed(_, error) => panic!("{error}"),
                ClientEvent::Closed(end) => panic!("{end}"),
                ClientEvent::Body(_) => loop {
                    match client.read_body(request, &mut chunk) {
                        0 => break,
                        len => got.extend_from_slice(&chunk[..len]),
                    }
                },
                _ => {}
            }
        }
        let served = at_server.turn(&mut server).expect("a turn");
        if !moved && !served {
            at_server
                .rest(&mut server, false, Duration::from_millis(1))
                .expect("a rest");
        }
    }
    assert!(got == file, "the file came out different");
    for driver in [&mut at_client, &mut at_server] {
        let at = driver.socket().accounting();
        assert!(at.is_whole() && at.application == 0, "{at:?}");
        assert_eq!(driver.counters().unsendable, 0);
    }
}

#[test]
fn a_file_crosses_a_perfect_wire_in_full_kicks() {
    let mut calls = (0, 0);
    fetch(WireConfig::perfect(), |driver| {
        let sent = driver.counters().sent + driver.counters().received;
        calls = (driver.socket().backend().calls().kicks, sent);
    });
    let (kicks, packets) = calls;
    assert!(
        kicks * 10 <= packets,
        "{kicks} kicks of both ends for {packets} packets of the client"
    );
}

#[test]
fn a_file_crosses_a_wire_with_accidents() {
    let accidents = WireConfig {
        loss_per_mille: 10,
        duplicate_per_mille: 10,
        reorder_per_mille: 20,
        depth: 4,
    };
    fetch(accidents, |_| {});
}

#[test]
fn what_is_no_answerable_datagram_is_counted_by_cause() {
    let network = SimNetwork::new(WireConfig::perfect(), 8);
    let backend = network.backend();
    let (mut slots_a, mut slots_b) = (
        vec![FrameSlot::new(); FRAMES],
        vec![FrameSlot::new(); FRAMES],
    );
    let (umem_a, umem_b) = (umem(&mut slots_a), umem(&mut slots_b));
    let mut sender = socket(&backend, &umem_a, 1);
    let mut server_socket = socket(&backend, &umem_b, 2);
    let mut at_server = driver(&mut server_socket);
    let root = tempfile::tempdir().expect("a directory");
    let (mut server, _) = endpoints(root.path(), b"");

    let good = UdpHeaders::new(
        LinkPath::new(CLIENT_MAC, SERVER_MAC),
        client_address(),
        server_address(),
    );
    let to_all = UdpHeaders {
        link: LinkPath::new(CLIENT_MAC, MacAddr::BROADCAST),
        ..good
    };
    let from_group = UdpHeaders {
        source: SocketAddr::from(([224, 0, 0, 1], 9)),
        ..good
    };
    let from_port_0 = UdpHeaders {
        source: SocketAddr::from(([192, 0, 2, 1], 0)),
        ..good
    };
    let from = |address: [u8; 4]| UdpHeaders {
        source: SocketAddr::from((address, 9)),
        ..good
    };
    let from_mac = |mac| UdpHeaders {
        link: LinkPath::new(mac, SERVER_MAC),
        ..good
    };
    let (loopback, nowhere) = (from([127, 0, 0, 1]), from([0, 1, 2, 3]));
    let (own, other_own) = (from([192, 0, 2, 2]), from([198, 51, 100, 7]));
    let elsewhere = from([203, 0, 113, 1]);
    let [no_mac, own_mac] = [MacAddr::new([0; 6]), SERVER_MAC].map(from_mac);
    let owned = vec![[192, 0, 2, 2].into(), [198, 51, 100, 7].into()];
    let check = |source: IpAddr, _| source != IpAddr::from([203, 0, 113, 1]);
    at_server.distrust(owned, Some(Box::new(check)));
    let mut send = |headers: UdpHeaders, cut: usize| {
        let mut frame = umem_a.alloc().expect("a frame");
        let len = headers.header_len() + 100;
        frame.set_range(0..len).expect("inside the frame");
        headers.emit(&mut frame, 100).expect("room");
        frame.shrink_back(cut).expect("less than the packet");
        sender.send(frame).expect("room");
        sender.flush().expect("a kick");
    };
    for headers in [good, to_all, from_group, from_port_0] {
        send(headers, 0);
    }
    for headers in [
        loopback, nowhere, own, other_own, elsewhere, no_mac, own_mac,
    ] {
        send(headers, 0);
    }
    for cut in [1, 100, 101, 120, 140] {
        send(good, cut);
    }
    at_server.turn(&mut server).expect("a turn");
    let counters = at_server.counters();
    assert_eq!((counters.received, counters.sent), (16, 0));
    let causes = &counters.unanswerable;
    assert_eq!(
        [
            causes.group,
            causes.martian,
            causes.own_source,
            causes.mac,
            causes.reverse_path
        ],
        [3, 2, 2, 2, 1]
    );
    assert_eq!(counters.refused.total(), 5, "{:?}", counters.refused);
    assert_eq!(
        (
            server.stats().datagrams_in,
            server.stats().dropped.malformed
        ),
        (1, 1)
    );
    assert!(at_server.socket().accounting().is_whole());
}

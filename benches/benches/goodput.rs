//! End to end: bytes per second of a file over HTTP/3 over AF_XDP over a veth pair.
//!
//! An iteration is a new connection, handshake included, and one file over it. Server and
//! client are two threads in two hosts, each with its own socket; the file is in the page cache,
//! and received bytes are counted and dropped. Without the privilege for hosts made of network
//! namespaces, the benchmark says so and does nothing.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use xskit_benches::stop::Stop;
use xskit_benches::veth;
use xskit_core::umem::FrameSlot;
use xskit_quic::cert::{Authority, Validity};
use xskit_quic::client::{ClientEvent, RequestId, Trust};
use xskit_quic::driver::{Driver, DriverConfig};
use xskit_quic::{Client, ClientConfig, FileServer, Identity, ServerConfig, udp_payload_for_mtu};
use xskit_rustix::RustixBackend;
use xskit_testbed::Host;
use xskit_wire::LinkPath;

/// The file's length in bytes.
const FILE_LEN: u64 = 32 << 20;

/// Frames lent to receive into, of each socket.
const FILL_FRAMES: u32 = veth::FRAMES as u32 / 2;

/// The longest that either end sleeps.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Bytes taken from the connection at a time.
const CHUNK_LEN: usize = 256 << 10;

type VethDriver<'s, 'u> = Driver<'s, 'u, RustixBackend>;

fn goodput(criterion: &mut Criterion) {
    let Some(pair) = veth::hosts("bench goodput") else {
        return;
    };
    let (server, client) = (&pair.first, &pair.second);
    let root = tempfile::tempdir().expect("a directory");
    let content: Vec<u8> = (0..FILE_LEN).map(|at| (at % 251) as u8).collect();
    std::fs::write(root.path().join("file"), content).expect("a file");
    let authority = Authority::new().expect("an authority");
    let identity = identity(&authority, server);

    let stop = Stop::default();
    let (ready, is_ready) = channel();
    thread::scope(|scope| {
        scope.spawn(|| serve(server, root.path(), identity, &stop, ready));
        let _stop = stop.on_drop();
        is_ready.recv().expect("the server is there");
        let mut group = criterion.benchmark_group("goodput");
        group.throughput(Throughput::Bytes(FILE_LEN));
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        client.namespace.enter().expect("in the host");
        fetch(client, server, authority.pem(), |file| {
            group.bench_function("HTTP/3 over AF_XDP", |bencher| {
                bencher.iter_custom(|files| (0..files).map(|_| file()).sum());
            });
        });
    });
}

fn identity(authority: &Authority, server: &Host) -> Identity {
    let names = [server.ipv4.to_string()];
    let pem = authority
        .issue(&names, Validity::days(1))
        .expect("a certificate");
    Identity::from_pem(pem.certificate.as_bytes(), pem.key.as_bytes()).expect("that certificate")
}

fn serve(host: &Host, root: &Path, identity: Identity, stop: &Stop, ready: Sender<()>) {
    host.namespace.enter().expect("in the host");
    let (mut slots, backend) = (vec![FrameSlot::new(); veth::FRAMES], RustixBackend::new());
    let umem = veth::umem(&mut slots);
    let mut socket = veth::socket(host, &backend, &umem, FILL_FRAMES);
    let _attached = veth::attach(host, &socket);
    let mut config = ServerConfig::new(identity);
    config.transport.max_udp_payload_bytes = max_payload(host);
    let mut server = FileServer::of_directory(root, &config, Instant::now()).expect("a server");
    let mut driver = Driver::new(&mut socket, DriverConfig::default());
    ready.send(()).expect("someone waits");
    while !stop.is_set() {
        let moved = driver.turn(&mut server).expect("a turn");
        driver
            .rest(&mut server, moved, LONGEST_WAIT)
            .expect("a rest");
    }
}

/// Calls `measure` with what fetches the file over a new connection, and returns how long it took.
fn fetch(
    host: &Host,
    server: &Host,
    trusted_pem: String,
    measure: impl FnOnce(&mut dyn FnMut() -> Duration),
) {
    let (mut slots, backend) = (vec![FrameSlot::new(); veth::FRAMES], RustixBackend::new());
    let umem = veth::umem(&mut slots);
    let mut socket = veth::socket(host, &backend, &umem, FILL_FRAMES);
    let _attached = veth::attach(host, &socket);
    let mut driver = Driver::new(&mut socket, DriverConfig::default());
    let trust = Trust::Pem(trusted_pem);
    let mut config = ClientConfig::new(&server.ipv4.to_string(), veth::PORT, trust);
    config.transport.max_udp_payload_bytes = max_payload(host);
    let link = LinkPath::new(host.mac.into(), server.mac.into());
    let address = |host: &Host| SocketAddr::from((host.ipv4, veth::PORT));
    let mut chunk = vec![0; CHUNK_LEN];
    measure(&mut || {
        let started = Instant::now();
        let (from, to) = (address(host), address(server));
        let mut client = Client::new(&config, from, to, link, started).expect("a client");
        let request = client.get("/file", None);
        transfer(&mut driver, &mut client, request, &mut chunk);
        let elapsed = started.elapsed();
        say_farewell(&mut driver, &mut client);
        elapsed
    });
}

fn transfer(
    driver: &mut VethDriver<'_, '_>,
    client: &mut Client<LinkPath>,
    request: RequestId,
    chunk: &mut [u8],
) {
    let mut received = 0;
    loop {
        let moved = driver.turn(client).expect("a turn");
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::Response(_, head) => assert_eq!(head.status, 200),
                ClientEvent::Body(_) => received += read(client, request, chunk),
                ClientEvent::Finished(_) => {
                    assert_eq!(received, FILE_LEN, "not the whole file");
                    return;
                }
                ClientEvent::Failed(_, error) => panic!("{error}"),
                ClientEvent::Closed(end) => panic!("the connection ended: {end}"),
                _ => {}
            }
        }
        driver.rest(client, moved, LONGEST_WAIT).expect("a rest");
    }
}

fn read(client: &mut Client<LinkPath>, request: RequestId, chunk: &mut [u8]) -> u64 {
    let mut read = 0;
    loop {
        match client.read_body(request, chunk) {
            0 => return read,
            len => read += len as u64,
        }
    }
}

/// Tells the server that the connection is done; the next one comes from the same port.
fn say_farewell(driver: &mut VethDriver<'_, '_>, client: &mut Client<LinkPath>) {
    client.close(Instant::now());
    while driver.turn(client).expect("a turn") {}
}

fn max_payload(host: &Host) -> usize {
    udp_payload_for_mtu(host.link.mtu_bytes as usize, false)
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5));
    targets = goodput
}
criterion_main!(benches);

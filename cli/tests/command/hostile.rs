//! Malformed packets at the server: each is counted, and none does harm.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use fastrand::Rng;
use serde_json::Value;
use xskit::af_xdp::socket::ZeroCopy;
use xskit::af_xdp::umem::{FrameSize, FrameSlot, Umem};
use xskit::af_xdp::{Socket, SocketConfig};
use xskit::backend_rustix::{MmapMemory, RustixBackend};
use xskit::wire::{self, MacAddr, UdpHeaders};

use crate::scene::{PORT, SHORT, Scene, four_queues};

/// Packets of each kind.
const ROUNDS: usize = 400;
const FRAMES: usize = 64;
/// An Ethernet header and a little: kernels differ on shorter frames.
const MIN_FRAME_BYTES: usize = 20;

fn random_bytes(rng: &mut Rng, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    rng.fill(&mut bytes);
    bytes
}

/// Flips some bits, and cuts off some bytes now and then.
fn mutate(rng: &mut Rng, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.usize(1..=4) {
        let at = rng.usize(..bytes.len());
        bytes[at] ^= 1 << rng.u8(..8);
    }
    if rng.u8(..4) == 0 {
        bytes.truncate(rng.usize(1..=bytes.len()));
    }
    bytes
}

/// The first datagram of `xskit get`, as the kernel's UDP gets it from the wire.
fn first_datagram(scene: &Scene) -> Vec<u8> {
    let listener = scene
        .server()
        .run(|| UdpSocket::bind((scene.server().ipv4, PORT)));
    let listener = listener.unwrap().unwrap();
    listener
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let client = scene.get(SHORT.0, &["--timeout", "1"]).start();
    let mut datagram = vec![0; 2048];
    let len = listener.recv(&mut datagram).unwrap();
    datagram.truncate(len);
    client.finish().refused(&["no answer from the server"]);
    datagram
}

/// A whole frame from the client to the server's port.
fn frame(scene: &Scene, payload: &[u8]) -> Vec<u8> {
    frame_from(scene, scene.client().ipv4, payload)
}

/// The same, from this address.
fn frame_from(scene: &Scene, source: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let (client, server) = (scene.client(), scene.server());
    let headers = UdpHeaders::new(
        wire::LinkPath::new(MacAddr::new(client.mac), MacAddr::new(server.mac)),
        SocketAddr::new(source.into(), 9999),
        SocketAddr::new(server.ipv4.into(), PORT),
    );
    let start = headers.header_len();
    let mut frame = vec![0; start + payload.len()];
    frame[start..].copy_from_slice(payload);
    headers.emit(&mut frame, payload.len()).unwrap();
    frame
}

/// Puts frames on the wire as they are, by AF_XDP.
fn put_on_wire(scene: &Scene, frames: &[Vec<u8>]) {
    let client = scene.client();
    let send = || {
        let mut slots = vec![FrameSlot::new(); FRAMES];
        let memory = MmapMemory::allocate(FRAMES * 4096, false).unwrap();
        let umem = Umem::new(memory, &mut slots, FrameSize::DEFAULT).unwrap();
        let mut config = SocketConfig::new(client.link.index, 0);
        config.fill_frames = Some(1);
        // Without an XDP program, some cards send nothing in zero-copy mode.
        config.zero_copy = ZeroCopy::Refuse;
        let backend = RustixBackend::new();
        let mut socket = Socket::open(&backend, &umem, &config).unwrap();
        for bytes in frames {
            let mut frame = loop {
                socket.recycle();
                match umem.alloc() {
                    Some(frame) => break frame,
                    None => socket.flush().unwrap(),
                }
            };
            frame.set_range(0..bytes.len()).unwrap();
            frame.copy_from_slice(bytes);
            socket.send(frame).map_err(|refused| refused.kind).unwrap();
            socket.flush().unwrap();
        }
    };
    client.run(send).unwrap();
}

fn dropped(report: &Value, cause: &str) -> u64 {
    report["drops"][cause].as_u64().unwrap_or(0)
}

#[test]
fn datagrams_that_are_none_of_quic_are_counted() {
    let test = "datagrams_that_are_none_of_quic_are_counted";
    let Some(scene) = Scene::with(test, four_queues()) else {
        return;
    };
    let initial = first_datagram(&scene);
    assert!(initial.len() >= 1200, "{}", initial.len());
    let mut rng = Rng::with_seed(0x9E37_79B9_7F4A_7C15);
    let mut server = scene.start_server(&[]);
    let socket = scene
        .client()
        .run(|| UdpSocket::bind("0.0.0.0:0"))
        .unwrap()
        .unwrap();
    let to = (scene.server().ipv4, PORT);
    for round in 0..ROUNDS {
        let any_len = rng.usize(..1473);
        let garbage = random_bytes(&mut rng, any_len);
        let mutated = mutate(&mut rng, &initial);
        let short = &initial[..rng.usize(..1200)];
        for payload in [&garbage[..], &mutated, short, &[]] {
            // The kernel may be short of buffers for a moment, which is as good as a loss.
            let _ = socket.send_to(payload, to);
        }
        if round % 16 == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    scene.assert_works();
    assert!(server.is_running());
    let report = server.interrupt().json();
    let causes = [
        "not QUIC",
        "first packet not decrypted",
        "first packet too short",
    ];
    for cause in causes {
        assert!(dropped(&report, cause) > 0, "{cause} in {report:#}");
    }
    assert!(
        causes
            .iter()
            .map(|cause| dropped(&report, cause))
            .sum::<u64>()
            > 200,
        "{report:#}"
    );
    scene.assert_left(&[]);
}

#[test]
fn frames_with_malformed_headers_are_counted() {
    let test = "frames_with_malformed_headers_are_counted";
    let Some(scene) = Scene::with(test, four_queues()) else {
        return;
    };
    let mut rng = Rng::with_seed(0xD1B5_4A32_D192_ED03);
    let whole = frame(&scene, &[0x40; 100]);
    let mut frames = Vec::new();
    for _ in 0..ROUNDS {
        // Any bit of any header, or the end, anywhere; the Ethernet addresses stay.
        let mut mutated = mutate(&mut rng, &whole);
        mutated.resize(mutated.len().max(MIN_FRAME_BYTES), 0);
        mutated[..12].copy_from_slice(&whole[..12]);
        let mut random = whole[..14].to_vec();
        random.extend({
            let len = MIN_FRAME_BYTES + rng.usize(..1400);
            random_bytes(&mut rng, len)
        });
        // A UDP length beyond the end, and one below its header's; an IPv4 length beyond the end.
        let mut long = whole.clone();
        long[38] = 0xff;
        let mut short = whole.clone();
        short[38..40].copy_from_slice(&[0, 7]);
        let mut cut = whole.clone();
        cut.truncate(14 + 20 + rng.usize(..50));
        frames.extend([mutated, random, long, short, cut, whole.clone()]);
    }
    let mut server = scene.start_server(&[]);
    put_on_wire(&scene, &frames);
    scene.assert_works();
    assert!(server.is_running());
    let report = server.interrupt().json();
    let malformed = dropped(&report, "malformed headers, left to the kernel");
    assert!(malformed >= ROUNDS as u64, "{report:#}");
    // The whole ones got to the endpoint, which knows no such connection: some get a reset.
    let reached: u64 = [
        "of no connection",
        "of no connection, too many to reset",
        "too many to answer",
    ]
    .iter()
    .map(|cause| dropped(&report, cause))
    .sum();
    let resets = report["resets"].as_u64().unwrap();
    assert!(resets > 0, "{report:#}");
    assert!(reached + resets >= ROUNDS as u64 / 2, "{report:#}");
    scene.assert_left(&[]);
}

/// The frame with these bytes at `at`.
fn with(frame: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[at..at + bytes.len()].copy_from_slice(bytes);
    frame
}

#[test]
fn what_the_kernel_would_not_take_is_not_answered() {
    let Some(scene) = Scene::new("what_the_kernel_would_not_take_is_not_answered") else {
        return;
    };
    let whole = frame(&scene, &[0x40; 100]);
    let (macs, rest) = whole.split_at(12);
    let tagged = |id: u8| [macs, &[0x81, 0, 0, id], rest].concat();
    let foreign = with(&whole, 0, &[2, 0, 0, 0, 0, 0x99]);
    let source = |address: [u8; 4]| frame_from(&scene, address.into(), &[0x40; 100]);
    let kinds = [
        whole.clone(),
        tagged(7),
        tagged(8),
        tagged(0),
        foreign,
        with(&whole, 6, &[0; 6]),
        source([127, 0, 0, 1]),
        source(scene.server().ipv4.octets()),
        source([198, 51, 100, 1]),
    ];
    let strict = || std::fs::write("/proc/sys/net/ipv4/conf/all/rp_filter", "1");
    scene.server().run(strict).unwrap().unwrap();
    let causes = [
        "from an impossible MAC address",
        "from an address of no wire",
        "from an address of this host",
        "from where the way back is another",
    ];
    let counted = |more: &[&str]| {
        let server = scene.start_server(more);
        put_on_wire(&scene, &kinds);
        scene.assert_works();
        let report = server.interrupt().json();
        let [mac, wire, host, way] = causes.map(|cause| dropped(&report, cause));
        // What reaches the endpoint is answered by a reset.
        let resets = report["resets"].as_u64().unwrap();
        [resets, mac, wire, host, way]
    };
    assert_eq!(counted(&[]), [2, 1, 1, 1, 1]);
    assert_eq!(counted(&["--vlan", "7,9"]), [3, 1, 1, 1, 1]);
    assert_eq!(counted(&["--any-mac"]), [3, 1, 1, 1, 1]);
    scene.assert_left(&[]);
}

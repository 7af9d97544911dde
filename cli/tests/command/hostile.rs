//! Packets that no client sends, by cause: each is counted under its name, and none does harm.

use std::net::{Ipv4Addr, SocketAddr};

use xskit::af_xdp::socket::ZeroCopy;
use xskit::af_xdp::umem::{FrameSize, FrameSlot, Umem};
use xskit::af_xdp::{Socket, SocketConfig};
use xskit::backend_rustix::{MmapMemory, RustixBackend};
use xskit::wire::{self, MacAddr, UdpHeaders};

use crate::scene::{PORT, Scene};

const FRAMES: usize = 64;

/// A whole frame from this address to the server's port.
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

/// An Initial (RFC 9000, section 17.2.2) whose ciphertext is garbage of this length, below 16 KiB.
fn initial(len: u16) -> Vec<u8> {
    let version_and_id = [0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8];
    let (no_source, no_token) = (0, 0);
    let [high, low] = len.to_be_bytes();
    let head = [no_source, no_token, 0x40 | high, low];
    [&[0xc3][..], &version_and_id, &head, &vec![7; len.into()]].concat()
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
            let mut frame = umem.alloc().expect("a frame for each");
            frame.set_range(0..bytes.len()).unwrap();
            frame.copy_from_slice(bytes);
            socket.send(frame).map_err(|refused| refused.kind).unwrap();
            socket.flush().unwrap();
        }
    };
    client.run(send).unwrap();
}

/// The frame with these bytes at `at`.
fn with(frame: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[at..at + bytes.len()].copy_from_slice(bytes);
    frame
}

/// Puts each frame on the wire, with each of these options in turn. Each is counted under its
/// cause; a "reset" is answered by one, also if it is so with these options.
fn assert_counted(scene: &Scene, kinds: &[(&str, Vec<u8>)], all_options: &[&str]) {
    let frames: Vec<_> = kinds.iter().map(|(_, frame)| frame.clone()).collect();
    let count = |cause: &str| kinds.iter().filter(|(it, _)| *it == cause).count();
    for options in all_options {
        let server = scene.start_server(*options);
        put_on_wire(scene, &frames);
        scene.assert_works();
        let report = server.interrupt().json();
        for (cause, _) in kinds.iter().filter(|(cause, _)| !cause.contains("reset")) {
            assert_eq!(report["drops"][cause], count(cause), "{cause}: {report:#}");
        }
        let resets = count("reset") + count(&format!("reset with {options}"));
        assert_eq!(report["resets"], resets, "{options}: {report:#}");
    }
    scene.assert_left(&[]);
}

#[test]
fn packets_that_no_client_sends_are_counted_by_cause() {
    let Some(scene) = Scene::new() else { return };
    let own = scene.client().ipv4;
    let whole = frame_from(&scene, own, &[0x40; 100]);
    let malformed = "malformed headers, left to the kernel";
    let kinds = [
        // The UDP length is beyond the end, and below its header's; the IPv4 length beyond the end.
        (malformed, with(&whole, 38, &[0xff])),
        (malformed, with(&whole, 38, &[0, 7])),
        (malformed, whole[..14 + 20 + 8 + 10].to_vec()),
        ("not QUIC", frame_from(&scene, own, &[0; 100])),
        (
            "first packet too short",
            frame_from(&scene, own, &initial(300)),
        ),
        (
            "first packet not decrypted",
            frame_from(&scene, own, &initial(1200)),
        ),
        // What reaches the endpoint and has no connection is answered by a reset.
        ("reset", whole),
    ];
    assert_counted(&scene, &kinds, &[""]);
}

#[test]
fn what_the_kernel_would_not_take_is_not_answered() {
    let Some(scene) = Scene::new() else { return };
    let own = scene.client().ipv4;
    let whole = frame_from(&scene, own, &[0x40; 100]);
    let (macs, rest) = whole.split_at(12);
    let tagged = |id: u8| [macs, &[0x81, 0, 0, id], rest].concat();
    let source = |address: [u8; 4]| frame_from(&scene, address.into(), &[0x40; 100]);
    let kinds = [
        ("from an impossible MAC address", with(&whole, 6, &[0; 6])),
        ("from a martian address", source([127, 0, 0, 1])),
        (
            "from an address of this host",
            source(scene.server().ipv4.octets()),
        ),
        ("rejected by rp_filter", source([198, 51, 100, 1])),
        ("reset", tagged(0)),
        ("reset with --vlan 7,9", tagged(7)),
        ("reset with --vlan 8", tagged(8)),
        (
            "reset with --any-mac",
            with(&whole, 0, &[2, 0, 0, 0, 0, 0x99]),
        ),
    ];
    let strict = || std::fs::write("/proc/sys/net/ipv4/conf/all/rp_filter", "1");
    scene.server().run(strict).unwrap().unwrap();
    assert_counted(&scene, &kinds, &["", "--vlan 7,9", "--any-mac"]);
}

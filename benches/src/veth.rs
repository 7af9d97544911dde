//! Sockets and packets for benchmarks over a veth pair.

use xskit_bpf::{AttachMode, Attachment, XdpProgram};
use xskit_core::umem::{Frame, FrameSize, FrameSlot, Umem};
use xskit_core::{Socket, SocketConfig};
use xskit_rustix::{MmapMemory, RustixBackend};
use xskit_testbed::{Capability, Host, HostPair, HostPairConfig, privilege};
use xskit_wire::{LinkPath, MacAddr, UdpHeaders};

/// Frames of a UMEM.
pub const FRAMES: usize = 4096;

/// The UDP port that the XDP program takes.
pub const PORT: u16 = 4433;

/// The length of the packets, in bytes: the shortest Ethernet frame, without its checksum.
pub const PACKET_LEN: usize = 60;

/// A MAC address that no host has, so that the kernel drops packets for it at once.
const NOBODY: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 0xff]);

/// Two hosts joined by a wire; without the privilege, `None` and a message about `program`.
///
/// # Panics
/// When they can't be made.
#[must_use]
pub fn hosts(program: &str) -> Option<HostPair> {
    let pair = || HostPair::new(HostPairConfig::default());
    is_privileged(program).then(|| pair().unwrap_or_else(|error| panic!("{error}")))
}

/// Whether hosts, sockets and XDP programs can be made; if not, prints a message about `program`.
#[must_use]
pub fn is_privileged(program: &str) -> bool {
    use Capability::{Bpf, NetAdmin, NetRaw, SysAdmin};
    privilege::require(program, &[NetAdmin, SysAdmin, NetRaw, Bpf])
}

/// A UMEM of a frame for each slot.
///
/// # Panics
/// When there is no memory.
#[must_use]
pub fn umem(slots: &mut [FrameSlot]) -> Umem<'_, MmapMemory> {
    let size = FrameSize::DEFAULT;
    let memory = MmapMemory::allocate(slots.len() * size.bytes() as usize, false).expect("memory");
    Umem::new(memory, slots, size).expect("a slot for each frame")
}

/// A socket on the host's one queue. The kernel gets `fill_frames` frames to receive into.
///
/// # Panics
/// When it can't be opened.
#[must_use]
pub fn socket<'u>(
    host: &Host,
    backend: &'u RustixBackend,
    umem: &'u Umem<'u, MmapMemory>,
    fill_frames: u32,
) -> Socket<'u, RustixBackend> {
    let config = SocketConfig {
        fill_frames: Some(fill_frames),
        ..SocketConfig::new(host.link.index, 0)
    };
    Socket::open(backend, umem, &config).unwrap_or_else(|error| panic!("{error}"))
}

/// Attaches the XDP program, which redirects [`PORT`] of the host to the socket until the returned
/// value is dropped.
///
/// # Panics
/// When the program can't be loaded or attached.
#[must_use = "dropping them takes the program off"]
pub fn attach(host: &Host, socket: &Socket<'_, RustixBackend>) -> (XdpProgram, Attachment) {
    use std::os::fd::AsFd;
    let program = XdpProgram::load(1).unwrap_or_else(|error| panic!("{error}"));
    program
        .register_socket(0, socket.handle().as_fd())
        .expect("registered");
    program.take(PORT, None).expect("taken");
    let attachment = program
        .attach(host.link.index, AttachMode::Auto)
        .unwrap_or_else(|error| panic!("{error}"));
    (program, attachment)
}

/// Headers from nobody to `to`'s [`PORT`], so that an answer is dropped at once.
#[must_use]
pub fn headers_from_nobody(from: &Host, to: &Host) -> UdpHeaders {
    let link = LinkPath::new(NOBODY, MacAddr::new(to.mac));
    UdpHeaders::new(link, (from.ipv4, 9).into(), (to.ipv4, PORT).into())
}

/// Headers from `from` to nobody: the other host drops the packet at once.
#[must_use]
pub fn headers_to_nobody(from: &Host, to: &Host) -> UdpHeaders {
    let link = LinkPath::new(MacAddr::new(from.mac), NOBODY);
    UdpHeaders::new(link, (from.ipv4, 9).into(), (to.ipv4, PORT).into())
}

/// Writes a packet of `len_bytes` into the frame.
///
/// # Panics
/// When the packet is longer than a frame, or shorter than the headers.
pub fn write(frame: &mut Frame<'_>, headers: &UdpHeaders, len_bytes: usize) {
    frame.set_range(0..len_bytes).expect("inside the frame");
    frame.fill(0);
    headers
        .emit(frame, len_bytes - headers.header_len())
        .expect("room for the headers");
}

/// Writes a packet of `len_bytes` into every free frame. A sent frame keeps its bytes, so the next
/// send writes nothing.
///
/// # Panics
/// As [`write()`].
pub fn write_all(umem: &Umem<'_, MmapMemory>, headers: &UdpHeaders, len_bytes: usize) {
    let frames: Vec<_> = std::iter::from_fn(|| umem.alloc())
        .map(|mut frame| {
            write(&mut frame, headers, len_bytes);
            frame
        })
        .collect();
    drop(frames);
}

//! The fixture of the tests: a UMEM, sockets, and datagrams between two hosts.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use xskit_bpf::{AttachMode, Attachment, XdpProgram};
use xskit_core::backend::{Backend, Interest};
use xskit_core::socket::ZeroCopy;
use xskit_core::umem::{Frame, FrameSize, FrameSlot, Umem};
use xskit_core::{Errno, Socket, SocketConfig};
use xskit_rustix::MmapMemory;
use xskit_testbed::{Host, HostPair, Link as Interface, cards};
use xskit_wire::LinkPath;
pub use xskit_wire::UdpHeaders;

use crate::RealBackend;

/// The UDP port that sockets take.
pub const PORT: u16 = 4433;
/// Frames of a UMEM.
pub const FRAMES: usize = 1024;
/// Far longer than anything here takes: a limit against hanging.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A UMEM of mapped memory.
pub type MmapUmem<'s> = Umem<'s, MmapMemory>;

/// Two hosts, and the constructor of the backend under test.
pub struct Bed<'m, B> {
    /// Makes a backend.
    pub make: &'m (dyn Fn() -> B + Sync),
    /// The hosts.
    pub pair: HostPair,
}

impl<'m, B: RealBackend> Bed<'m, B> {
    /// A bed for the test of this name. `None` without the privileges, which are printed.
    pub fn new(test: &str, queues: u32, make: &'m (dyn Fn() -> B + Sync)) -> Option<Self> {
        HostPair::for_test(test, queues).map(|pair| Self { make, pair })
    }

    /// Runs `act` in a host, with a backend and a UMEM.
    pub fn run<T: Send>(
        &self,
        host: &Host,
        act: impl for<'u> FnOnce(&'u B, &'u MmapUmem<'u>) -> T + Send,
    ) -> T {
        host.run(|| with_umem(self.make, act)).expect("in the host")
    }

    /// Opens a socket in a host, and has `act` use it there.
    pub fn open<T: Send>(
        &self,
        host: &Host,
        config: &SocketConfig,
        act: impl for<'u> FnOnce(&mut Socket<'u, B>, &'u MmapUmem<'u>) -> T + Send,
    ) -> T {
        self.run(host, |backend, umem| {
            act(&mut open(backend, umem, config), umem)
        })
    }
}

/// Has `act` use a backend and a UMEM of [`FRAMES`] frames.
pub fn with_umem<B, T>(
    make: &dyn Fn() -> B,
    act: impl for<'u> FnOnce(&'u B, &'u MmapUmem<'u>) -> T,
) -> T {
    let backend = make();
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let umem = umem(&mut slots);
    act(&backend, &umem)
}

/// A socket's configuration in the mode under test: zero-copy, or an error, on cards; copy mode on
/// veth, which has no other.
#[must_use]
pub fn config(ifindex: u32) -> SocketConfig {
    let zero_copy = if cards::are_named() {
        ZeroCopy::Force
    } else {
        ZeroCopy::Auto
    };
    SocketConfig {
        zero_copy,
        ..SocketConfig::new(ifindex, 0)
    }
}

/// Opens a socket, and checks that it is in the mode under test.
pub fn open<'u, 's: 'u, B: Backend>(
    backend: &'u B,
    umem: &'u MmapUmem<'s>,
    config: &SocketConfig,
) -> Socket<'u, B> {
    let socket = Socket::open(backend, umem, config).expect("a socket");
    let forced = config.zero_copy == ZeroCopy::Force;
    assert_eq!(socket.obtained().zero_copy, forced);
    socket
}

/// A UMEM with a frame per slot.
pub fn umem(slots: &mut [FrameSlot]) -> MmapUmem<'_> {
    let memory = MmapMemory::allocate(slots.len() * 4096, false).expect("memory");
    Umem::new(memory, slots, FrameSize::DEFAULT).expect("a UMEM")
}

/// Takes turns until one returns true, and waits in between.
pub fn until<'u, B: Backend>(
    socket: &mut Socket<'u, B>,
    mut turn: impl FnMut(&mut Socket<'u, B>) -> bool,
) {
    let deadline = Instant::now() + PATIENCE;
    while !turn(socket) {
        if Instant::now() > deadline {
            let at = socket.accounting();
            panic!("nothing came of it in {PATIENCE:?}: {at:?}");
        }
        socket
            .wait(Interest::RECEIVE, Some(Duration::from_millis(10)))
            .expect("a wait");
    }
}

/// Headers of a datagram from the first host to the second.
#[must_use]
pub fn headers(pair: &HostPair, source: SocketAddr, target: SocketAddr) -> UdpHeaders {
    let link = LinkPath::new(pair.first.mac.into(), pair.second.mac.into());
    UdpHeaders::new(link, source, target)
}

/// Headers of a datagram to the taken port.
#[must_use]
pub fn headers_to_port(pair: &HostPair) -> UdpHeaders {
    let source = (pair.first.ipv4, 9).into();
    headers(pair, source, (pair.second.ipv4, PORT).into())
}

/// Writes a datagram into the frame.
pub fn write_datagram(frame: &mut Frame<'_>, headers: &UdpHeaders, payload: &[u8]) {
    let start = headers.header_len();
    frame
        .set_range(0..start + payload.len())
        .expect("inside the frame");
    frame[start..].copy_from_slice(payload);
    headers
        .emit(frame, payload.len())
        .expect("room for the headers");
}

/// Puts `count` datagrams on the TX ring, or fewer if no free frame or slot is left. Returns the
/// number.
pub fn send_datagrams<'u, 's: 'u, B: Backend>(
    socket: &mut Socket<'u, B>,
    umem: &'u MmapUmem<'s>,
    headers: &UdpHeaders,
    count: u32,
) -> u32 {
    for sent in 0..count {
        let Some(mut frame) = umem.alloc() else {
            return sent;
        };
        write_datagram(&mut frame, headers, &[0; 18]);
        if socket.send(frame).is_err() {
            return sent;
        }
    }
    count
}

/// Has the kernel send everything, and takes every frame back.
///
/// # Errors
/// The error of a kick.
pub fn drain<B: Backend>(socket: &mut Socket<'_, B>) -> Result<(), Errno> {
    let deadline = Instant::now() + PATIENCE;
    while socket.halves().1.in_flight() > 0 {
        assert!(Instant::now() < deadline, "frames stay with the kernel");
        socket.flush()?;
        socket.recycle();
    }
    Ok(())
}

/// Directs an interface's packets to the taken port to the socket, while the value lives.
pub fn take_port<B: RealBackend>(
    socket: &Socket<'_, B>,
    ifindex: u32,
    mode: AttachMode,
) -> (XdpProgram, Attachment) {
    let program = XdpProgram::load(1).expect("the program");
    program
        .register_socket(0, socket.handle().as_fd())
        .expect("registered");
    program.take(PORT, None).expect("taken");
    let attachment = program.attach(ifindex, mode).expect("attached");
    wait_for_carrier(ifindex);
    (program, attachment)
}

/// A program that passes everything, on the interface of a socket that only sends: without one, igb
/// answers a zero-copy kick with EINVAL.
pub fn pass_all(ifindex: u32) -> Option<(XdpProgram, Attachment)> {
    cards::are_named().then(|| {
        let program = XdpProgram::load(1).expect("the program");
        let attachment = program.attach(ifindex, AttachMode::Native);
        let attachment = attachment.expect("attached");
        wait_for_carrier(ifindex);
        (program, attachment)
    })
}

/// Some cards' links are down for seconds after a program was attached.
pub(crate) fn wait_for_carrier(ifindex: u32) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let interface = Interface::by_index(ifindex).expect("the interface");
        match interface.require_up() {
            Ok(()) => return,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

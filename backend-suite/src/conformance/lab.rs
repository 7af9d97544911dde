//! Two hosts whose interfaces pass one UDP port to sockets, and numbered packets between them.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use xskit_bpf::{AttachMode, Attached, Attachment, XdpProgram};
use xskit_core::socket::ZeroCopy;
use xskit_core::umem::{Frame, FrameSize, FrameStore, Umem};
use xskit_core::wire::UdpHeaders;
use xskit_core::{Socket, SocketConfig};
use xskit_net::{Host, HostPair, HostPairConfig, Link, WhenParentDies};
use xskit_rustix::MmapMemory;

use crate::RealBackend;
use crate::fixture::{MmapUmem, PATIENCE, PORT};

/// Frames that a UMEM of these tests can have.
const STORE: usize = 16_384;
/// The lowest source port of a stream.
const FIRST_STREAM: u16 = 20_000;

/// Where the cases run: a driver, and the way in which it hands packets over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// veth, program in the stack, copy mode.
    VethGeneric,
    /// veth, program in the driver, copy mode.
    VethNative,
    /// igb, zero-copy.
    Igb,
    /// virtio_net, zero-copy.
    VirtioNet,
}

impl Platform {
    /// All of them, as the table has them.
    pub const ALL: [Self; 4] = [
        Self::VethGeneric,
        Self::VethNative,
        Self::Igb,
        Self::VirtioNet,
    ];

    /// The head of its column.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::VethGeneric => "veth, generic",
            Self::VethNative => "veth, native",
            Self::Igb => "igb, zero-copy",
            Self::VirtioNet => "virtio_net, zero-copy",
        }
    }

    pub(super) const fn is_zero_copy(self) -> bool {
        matches!(self, Self::Igb | Self::VirtioNet)
    }

    const fn attached(self) -> Attached {
        match self {
            Self::VethGeneric => Attached::Generic,
            _ => Attached::Native,
        }
    }

    const fn attach_mode(self) -> AttachMode {
        match self {
            Self::VethGeneric => AttachMode::Generic,
            _ => AttachMode::Native,
        }
    }

    /// Those that the interfaces of this pair make possible.
    fn of(pair: &HostPair) -> Vec<Self> {
        let text = ethtool(&pair.first, &["-i"]).expect("ethtool -i");
        let driver = text.lines().find_map(|line| line.strip_prefix("driver: "));
        match driver.expect("the driver's name") {
            "veth" => vec![Self::VethGeneric, Self::VethNative],
            "igb" => vec![Self::Igb],
            "virtio_net" => vec![Self::VirtioNet],
            other => panic!("the table has no column for {other}"),
        }
    }
}

/// One of the two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    First,
    Second,
}

/// Two hosts with a program on each interface, which passes [`PORT`] to the socket registered there.
pub(super) struct Lab<'m, B> {
    pub(super) platform: Platform,
    pub(super) make: &'m (dyn Fn() -> B + Sync),
    pair: HostPair,
    programs: [(XdpProgram, Attachment); 2],
    streams: AtomicU16,
}

impl<'m, B: RealBackend> Lab<'m, B> {
    /// One lab for each platform that is there, ready one after the other.
    pub(super) fn each(make: &'m (dyn Fn() -> B + Sync), mut task: impl FnMut(&Self)) {
        let mut pair = HostPair::new(HostPairConfig::default()).expect("two hosts");
        for platform in Platform::of(&pair) {
            let lab = Self::over(pair, platform, make);
            task(&lab);
            pair = lab.pair;
        }
    }

    /// Another pair of hosts like this one, with another MTU. Not for cards, of which there are two.
    pub(super) fn with_mtu(&self, mtu_bytes: u32) -> Self {
        let config = HostPairConfig {
            mtu_bytes,
            ..HostPairConfig::default()
        };
        let pair = HostPair::new(config).expect("two hosts");
        Self::over(pair, self.platform, self.make)
    }

    fn over(pair: HostPair, platform: Platform, make: &'m (dyn Fn() -> B + Sync)) -> Self {
        let programs = [&pair.first, &pair.second].map(|host| {
            let program = XdpProgram::load(1).expect("the program");
            program.take(PORT, None).expect("taken");
            let attach = || program.attach(host.link.index, platform.attach_mode());
            let attachment = host.run(attach).expect("in the host").expect("attached");
            assert_eq!(attachment.mode(), platform.attached());
            (program, attachment)
        });
        let lab = Self {
            platform,
            make,
            pair,
            programs,
            streams: AtomicU16::new(FIRST_STREAM),
        };
        lab.await_carrier();
        lab
    }

    pub(super) fn host(&self, side: Side) -> &Host {
        match side {
            Side::First => &self.pair.first,
            Side::Second => &self.pair.second,
        }
    }

    pub(super) fn ifindex(&self, side: Side) -> u32 {
        self.host(side).link.index
    }

    /// Has the packets that come to this side go to this socket from now on.
    pub(super) fn register(&self, side: Side, socket: &impl std::os::fd::AsFd) {
        let (program, _) = &self.programs[side as usize];
        program.unregister_socket(0).expect("unregistered");
        program
            .register_socket(0, socket.as_fd())
            .expect("registered");
    }

    /// Waits until both ends can send: some drivers reset the device when a program is attached, or
    /// when its rings are resized.
    pub(super) fn await_carrier(&self) {
        let deadline = Instant::now() + PATIENCE;
        for host in [&self.pair.first, &self.pair.second] {
            let is_up = || Link::by_index(host.link.index).is_ok_and(|at| at.require_up().is_ok());
            while !host.run(is_up).expect("in the host") {
                assert!(Instant::now() < deadline, "no carrier after {PATIENCE:?}");
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Opens a socket in the calling thread, which is to be this side's, and checks its mode.
    pub(super) fn open<T>(
        &self,
        side: Side,
        buffers: Buffers,
        change: impl FnOnce(&mut SocketConfig),
        task: impl for<'u> FnOnce(&mut Socket<'u, B>, &'u MmapUmem<'_>) -> T,
    ) -> T {
        let backend = (self.make)();
        let mut store = Box::new(FrameStore::<STORE>::new());
        let len_bytes = buffers.frames as usize * buffers.size.bytes() as usize;
        let memory = MmapMemory::allocate(len_bytes, false).expect("memory");
        let umem = Umem::new(memory, &mut store, buffers.size).expect("a UMEM");
        let zero_copy = self.platform.is_zero_copy();
        let mut config = SocketConfig {
            zero_copy: [ZeroCopy::Refuse, ZeroCopy::Force][usize::from(zero_copy)],
            ..SocketConfig::new(self.ifindex(side), 0)
        };
        change(&mut config);
        let mut socket = Socket::open(&backend, &umem, &config).expect("a socket");
        assert_eq!(socket.obtained().zero_copy, zero_copy);
        self.register(side, socket.handle());
        task(&mut socket, &umem)
    }

    /// A stream of packets that no other has been like.
    pub(super) fn stream(&self, from: Side, packets: u32, len: usize) -> Stream {
        let id = self.streams.fetch_add(1, Ordering::Relaxed);
        let (source, target) = (&self.pair.first, &self.pair.second);
        let (source, target) = match from {
            Side::First => (source, target),
            Side::Second => (target, source),
        };
        let link = xskit_core::wire::Link::new(source.mac.into(), target.mac.into());
        let to = |port| {
            let [source, target] = [(source.ipv4, id), (target.ipv4, port)].map(SocketAddr::from);
            UdpHeaders::new(link, source, target)
        };
        Stream {
            id,
            packets,
            len,
            step: 1,
            taken: to(PORT),
            passed: to(PORT + 1),
        }
    }
}

/// How much memory a socket has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buffers {
    pub(super) frames: u32,
    pub(super) size: FrameSize,
}

/// Numbered datagrams, as xskxceiver has them: each word of the payload says which packet it is of,
/// in its upper half, and which word it is, in its lower half.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    id: u16,
    pub(super) packets: u32,
    len: usize,
    /// Only each so-manyth packet is to a port that the program takes.
    pub(super) step: u32,
    taken: UdpHeaders,
    passed: UdpHeaders,
}

impl Stream {
    /// The whole packet of this number, of `len` bytes.
    pub(super) fn packet_of(&self, number: u32, len: usize) -> Vec<u8> {
        let mut packet = vec![0; len];
        let headers = match number.is_multiple_of(self.step) {
            true => &self.taken,
            false => &self.passed,
        };
        let start = headers.header_len();
        for (word, bytes) in packet[start..].chunks_mut(4).enumerate() {
            let value = (number << 16 | word as u32).to_be_bytes();
            bytes.copy_from_slice(&value[..bytes.len()]);
        }
        headers
            .emit(&mut packet, len - start)
            .expect("room for the headers");
        packet
    }

    /// The whole packet of this number, as long as the stream's are.
    pub(super) fn packet(&self, number: u32) -> Vec<u8> {
        self.packet_of(number, self.len)
    }

    /// Whether a received packet is of this stream, and not a late one of another.
    pub(super) fn has(&self, packet: &[u8]) -> bool {
        packet.get(34..36) == Some(&self.id.to_be_bytes())
    }
}

/// Writes the packet of this number into a frame.
pub(super) fn write(frame: &mut Frame<'_>, packet: &[u8]) {
    frame.set_range(0..packet.len()).expect("inside the frame");
    frame.copy_from_slice(packet);
}

/// What `ethtool OPTION INTERFACE VALUES` prints on this host; an error is the device's answer.
pub(super) fn ethtool(host: &Host, options: &[&str]) -> Result<String, String> {
    let mut command = Command::new("ethtool");
    command.arg(options[0]).arg(&host.link.name);
    command.args(&options[1..]);
    host.namespace
        .enter_command(&mut command, WhenParentDies::Kill)
        .expect("a command in the host");
    let output = command.output().expect("ethtool is installed");
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

//! Two hosts whose interfaces pass one UDP port to sockets, and numbered packets between them.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

use xskit_bpf::{AttachMode, AttachedMode, Attachment, XdpProgram};
use xskit_core::umem::{FrameSize, FrameSlot, Umem};
use xskit_core::{Socket, SocketConfig};
use xskit_rustix::MmapMemory;
use xskit_testbed::{Host, HostPair, HostPairConfig, WhenParentDies, cards};
use xskit_wire::{LinkPath, UdpHeaders};

use crate::RealBackend;
use crate::fixture::{self, MmapUmem, PORT, wait_for_carrier};

/// Frames that a UMEM of these tests can have.
const STORE: usize = 16_384;
/// The lowest source port of a stream.
const FIRST_STREAM: u16 = 20_000;

/// A platform of the cases: a driver, and how it hands packets over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Platform {
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
    /// All of them, in the table's order.
    pub(super) const ALL: [Self; 4] = [
        Self::VethGeneric,
        Self::VethNative,
        Self::Igb,
        Self::VirtioNet,
    ];

    /// The head of its column.
    pub(super) const fn name(self) -> &'static str {
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

    /// The mode to attach a program in, and the one to obtain.
    const fn attach_mode(self) -> (AttachMode, AttachedMode) {
        match self {
            Self::VethGeneric => (AttachMode::Generic, AttachedMode::Generic),
            _ => (AttachMode::Native, AttachedMode::Native),
        }
    }

    /// The platforms of this pair's interfaces.
    fn of(pair: &HostPair) -> Vec<Self> {
        if !cards::are_named() {
            return vec![Self::VethGeneric, Self::VethNative];
        }
        let text = ethtool(&pair.first, &["-i"]);
        let driver = text.lines().find_map(|line| line.strip_prefix("driver: "));
        match driver.expect("the driver's name") {
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

/// Two hosts with a program on each interface, which passes [`PORT`] to the socket registered
/// there.
pub(super) struct Lab<'m, B> {
    pub(super) platform: Platform,
    make: &'m (dyn Fn() -> B + Sync),
    pair: HostPair,
    programs: [(XdpProgram, Attachment); 2],
    streams: AtomicU16,
}

impl<'m, B: RealBackend> Lab<'m, B> {
    /// Runs `task` in a lab for each platform that is there, one after the other.
    pub(super) fn each(make: &'m (dyn Fn() -> B + Sync), mut task: impl FnMut(&Self)) {
        let mut pair = HostPair::new(HostPairConfig::default()).expect("two hosts");
        for platform in Platform::of(&pair) {
            let lab = Self::over(pair, platform, make);
            task(&lab);
            pair = lab.pair;
        }
    }

    /// Another pair of hosts like this one, with another MTU. Not for cards, of which there are
    /// two.
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
            let (mode, obtained) = platform.attach_mode();
            let attach = || program.attach(host.link.index, mode);
            let attachment = host.run(attach).expect("in the host").expect("attached");
            assert_eq!(attachment.mode(), obtained);
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

    /// Directs this side's packets to this socket.
    pub(super) fn register(&self, side: Side, socket: &impl AsFd) {
        let (program, _) = &self.programs[side as usize];
        program.unregister_socket(0).expect("unregistered");
        program
            .register_socket(0, socket.as_fd())
            .expect("registered");
    }

    /// Waits until both ends can send: some drivers reset the device when a program is attached, or
    /// when its rings are resized.
    pub(super) fn await_carrier(&self) {
        for host in [&self.pair.first, &self.pair.second] {
            let wait = || wait_for_carrier(host.link.index);
            host.run(wait).expect("in the host");
        }
    }

    /// Opens a socket in the calling thread, which must run on this side, and checks its mode.
    pub(super) fn open<T>(
        &self,
        side: Side,
        buffers: Buffers,
        change: impl FnOnce(&mut SocketConfig),
        task: impl for<'u> FnOnce(&mut Socket<'u, B>, &'u MmapUmem<'_>) -> T,
    ) -> T {
        let backend = (self.make)();
        let mut slots = vec![FrameSlot::new(); STORE];
        let len_bytes = buffers.frames as usize * buffers.size.bytes() as usize;
        let memory = MmapMemory::allocate(len_bytes, false).expect("memory");
        let umem = Umem::new(memory, &mut slots, buffers.size).expect("a UMEM");
        let mut config = fixture::config(self.ifindex(side));
        change(&mut config);
        let mut socket = fixture::open(&backend, &umem, &config);
        assert_eq!(socket.obtained().zero_copy, self.platform.is_zero_copy());
        self.register(side, socket.handle());
        task(&mut socket, &umem)
    }

    /// A stream of packets unlike any before.
    pub(super) fn stream(&self, from: Side, packets: u32, len: usize) -> Stream {
        let id = self.streams.fetch_add(1, Ordering::Relaxed);
        let (source, target) = (&self.pair.first, &self.pair.second);
        let (source, target) = match from {
            Side::First => (source, target),
            Side::Second => (target, source),
        };
        let link = LinkPath::new(source.mac.into(), target.mac.into());
        let to = |port| {
            let [source, target] = [(source.ipv4, id), (target.ipv4, port)].map(SocketAddr::from);
            UdpHeaders::new(link, source, target)
        };
        Stream {
            id,
            packets,
            len,
            odd: Odd::Same,
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

/// How every other packet of a stream differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Odd {
    /// Nothing.
    Same,
    /// Its port is one that the program passes to the kernel.
    Passed,
    /// It has this many bytes, more than the receiver has room for.
    Long(usize),
}

/// Numbered datagrams, as in xskxceiver: each word of the payload has the packet's number in its
/// upper half, and its own in its lower half.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    id: u16,
    pub(super) packets: u32,
    len: usize,
    pub(super) odd: Odd,
    taken: UdpHeaders,
    passed: UdpHeaders,
}

impl Stream {
    /// The whole packet of this number.
    pub(super) fn packet(&self, number: u32) -> Vec<u8> {
        let odd = !number.is_multiple_of(2);
        let (headers, len) = match self.odd {
            Odd::Passed if odd => (&self.passed, self.len),
            Odd::Long(len) if odd => (&self.taken, len),
            _ => (&self.taken, self.len),
        };
        let mut packet = vec![0; len];
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

    /// The distance between the numbers of packets that are to arrive.
    pub(super) fn step(&self) -> u32 {
        1 + u32::from(self.odd != Odd::Same)
    }

    /// Whether a received packet is of this stream, and not a late one of another.
    pub(super) fn has(&self, packet: &[u8]) -> bool {
        packet.get(34..36) == Some(&self.id.to_be_bytes())
    }
}

/// What `ethtool OPTION INTERFACE VALUES` prints on this host.
pub(super) fn ethtool(host: &Host, options: &[&str]) -> String {
    let mut command = Command::new("ethtool");
    command.arg(options[0]).arg(&host.link.name);
    command.args(&options[1..]);
    host.namespace
        .enter_command(&mut command, WhenParentDies::Kill)
        .expect("a command in the host");
    let output = command.output().expect("ethtool is installed");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ethtool {options:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

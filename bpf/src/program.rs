//! The loaded program: its rules, its sockets, its counters.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use libbpf_rs::{ErrorKind, MapCore, MapFlags, MapHandle};
use rustix::io::Errno;

use crate::object::Object;
use crate::only::Frames;
use crate::rules::{Maps, Rules};
use crate::{
    AttachMode, Attachment, Counters, Error, Only, Rule, SocketMap, Strays, privilege, sys,
};

/// The XDP program in the kernel, with its maps.
///
/// Loaded is not attached: [`attach`](Self::attach) puts it on an interface, or on several; they then share rules, sockets
/// and counters. An [`Attachment`] keeps the program at work, with the rules and sockets it had, also after this is dropped.
///
/// All methods may be called from several threads at once, and take effect on the very next packet.
/// Given as a file descriptor ([`AsFd`]) it is the program's, as `bpf(2)` knows it.
///
/// ```no_run
/// use xskit_bpf::{Only, Rule, XdpProgram};
///
/// let program = XdpProgram::load(1)?; // one queue
/// program.take(443, None)?;
/// let stats = Rule::udp(8000..=8999).from("192.0.2.0/24".parse()?);
/// program.add_rules(&[stats, Rule::icmp()])?;
/// program.limit(&Only {
///     mac: Some([2, 0, 0, 0, 0, 1]),
///     vlans: Some(Vec::new()),
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "xdp_program")]
#[derive(Debug)]
pub struct XdpProgram {
    program: OwnedFd,
    sockets: SocketMap,
    rules: Rules,
    frames: Frames,
    counters: MapHandle,
    strays: MapHandle,
}

impl XdpProgram {
    /// Loads the program, with room for one socket on each of the queues 0 to `max_queues - 1`.
    ///
    /// On Linux 5.9 and 5.10 the maps count as locked memory. libbpf raises RLIMIT_MEMLOCK there by itself; where that is
    /// forbidden and the limit too small, loading fails. Later kernels have no such limit.
    ///
    /// # Errors
    /// [`Error::NoQueues`]; [`Error::Privilege`] without CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN;
    /// [`Error::Load`] for all else.
    #[doc(alias = "xsk_setup_xdp_prog")]
    pub fn load(max_queues: u32) -> Result<Self, Error> {
        if max_queues == 0 {
            return Err(Error::NoQueues);
        }
        sys::route_messages();
        let object = Object::load(max_queues).map_err(explain_load)?;
        let sockets = object.map("xskit_sockets").map_err(explain_load)?;
        Self::of(&object, SocketMap::of(&sockets)?).map_err(explain_load)
    }

    fn of(object: &Object, sockets: SocketMap) -> libbpf_rs::Result<Self> {
        Ok(Self {
            program: object.program("xskit_take")?,
            sockets,
            rules: Rules::new(Maps {
                ports: object.map("xskit_ports")?,
                shapes: object.map(".bss.shapes")?,
                keys: [object.map("xskit_ipv4")?, object.map("xskit_ipv6")?],
            }),
            frames: Frames::new(object.map(".bss.only")?),
            counters: object.map("xskit_counters")?,
            strays: object.map("xskit_strays")?,
        })
    }

    /// Puts the program on the interface with this index in the calling thread's network namespace, by a BPF link.
    ///
    /// [`Attachment::mode`] says which mode was obtained. Linux 5.9.
    ///
    /// # Errors
    /// [`Error::NoInterface`]; [`Error::Occupied`] if an XDP program is there already; [`Error::NativeRefused`] if native
    /// mode was asked for and the driver can't; [`Error::Privilege`]; [`Error::FindInterface`] and [`Error::Attach`] for
    /// all else.
    #[doc(alias = "xdp_program__attach")]
    pub fn attach(&self, ifindex: u32, mode: AttachMode) -> Result<Attachment, Error> {
        Attachment::create(self.program.as_fd(), ifindex, mode)
    }

    /// Takes the UDP datagrams to this destination port and address from now on: the short form of a [`Rule`].
    ///
    /// No address means any, of IPv4 and of IPv6; the unspecified address (0.0.0.0, ::) means any of its version. Mind that
    /// *any* includes datagrams to other hosts, on a host that forwards packets or listens promiscuously; to broadcast; and
    /// to multicast. Taking what is taken already changes nothing.
    ///
    /// # Errors
    /// As of [`add_rules`](Self::add_rules).
    pub fn take(&self, port: u16, address: Option<IpAddr>) -> Result<(), Error> {
        self.rules.take(port, address)
    }

    /// Ends what [`take`](Self::take) began with the same arguments: these datagrams go to the kernel again.
    ///
    /// Says whether any were being taken. No address ends the rules for *any* address, not those for a certain one.
    ///
    /// # Errors
    /// [`Error::PortZero`]; [`Error::Map`].
    pub fn release(&self, port: u16, address: Option<IpAddr>) -> Result<bool, Error> {
        self.rules.release(port, address)
    }

    /// Takes the packets that any of these rules names from now on, besides what is taken already.
    ///
    /// Few system calls tell the kernel of all of them: a range of ports is one, and so are rules with prefixes, however
    /// many. There is room for every port, with the ranges of ports that have no other condition; and, of each IP version,
    /// for 8,192 rules with other conditions. These may have 16 *shapes*: rules of one shape have the protocol, the lengths of
    /// their prefixes, whether they have a VLAN, and the range of ports in common, but for rules of a single port, which have
    /// one each. A packet costs the kernel a lookup for each shape that names its port, not for each rule.
    ///
    /// A rule that is there already changes nothing. A rule without addresses is one of IPv4 and one of IPv6.
    ///
    /// # Errors
    /// [`Error::PortZero`], [`Error::NoPorts`], [`Error::NoSuchVlan`] and [`Error::MixedVersions`], if a rule can't name
    /// anything; [`Error::TooManyRules`]; [`Error::TooManyShapes`]; [`Error::Map`]. Then none of them is added.
    pub fn add_rules(&self, rules: &[Rule]) -> Result<(), Error> {
        self.rules.add(rules)
    }

    /// Ends what [`add_rules`](Self::add_rules) began with equal rules: what they name goes to the kernel again, unless
    /// other rules name it as well.
    ///
    /// Says how many of them there were.
    ///
    /// # Errors
    /// As of [`add_rules`](Self::add_rules) for a rule that can't name anything; [`Error::Map`].
    pub fn remove_rules(&self, rules: &[Rule]) -> Result<usize, Error> {
        self.rules.remove(rules)
    }

    /// Takes every frame from now on, whatever it carries: ARP, TCP and what is malformed too.
    ///
    /// Only a [`limit`](Self::limit) still counts. Rules stay, and count again after
    /// [`take_by_rules`](Self::take_by_rules). The kernel's stack gets nothing any more from the queues that have a socket, so
    /// the host loses its network on this interface. What comes in on a queue without a socket goes to the kernel, and is
    /// counted.
    ///
    /// # Errors
    /// [`Error::Map`].
    pub fn take_all(&self) -> Result<(), Error> {
        self.frames.take_all(true)
    }

    /// Ends what [`take_all`](Self::take_all) began: what is taken is again what rules say.
    ///
    /// # Errors
    /// [`Error::Map`].
    pub fn take_by_rules(&self) -> Result<(), Error> {
        self.frames.take_all(false)
    }

    /// Limits the program to certain frames from now on; all others go to the kernel.
    ///
    /// A program that is attached to several interfaces has one such limit for all.
    ///
    /// # Errors
    /// [`Error::Map`].
    pub fn limit(&self, only: &Only) -> Result<(), Error> {
        self.frames.limit(only)
    }

    /// The sockets that get what is taken, by queue.
    #[must_use]
    pub fn sockets(&self) -> &SocketMap {
        &self.sockets
    }

    /// [`SocketMap::register`] of [`sockets`](Self::sockets).
    ///
    /// # Errors
    /// As there.
    #[doc(alias = "xsk_socket__update_xskmap")]
    pub fn register_socket(&self, queue: u32, socket: BorrowedFd<'_>) -> Result<(), Error> {
        self.sockets.register(queue, socket)
    }

    /// [`SocketMap::unregister`] of [`sockets`](Self::sockets): what is taken on the queue goes to the kernel.
    ///
    /// # Errors
    /// As there.
    pub fn unregister_socket(&self, queue: u32) -> Result<(), Error> {
        self.sockets.unregister(queue)
    }

    /// What the program has counted so far, on all interfaces it is attached to.
    ///
    /// # Errors
    /// [`Error::Map`].
    pub fn counters(&self) -> Result<Counters, Error> {
        // An array has all its elements from the start.
        let cpus = read_element(&self.counters, 0)?;
        Ok(Counters::sum(&cpus))
    }

    /// Which queues the datagrams came in on that [`Counters::no_socket`] counts.
    ///
    /// One call for each of the queues that are told apart, so look at the counters first.
    ///
    /// # Errors
    /// [`Error::Map`].
    pub fn strays(&self) -> Result<Strays, Error> {
        let mut strays = Strays::default();
        for index in Strays::indices() {
            strays.count(index, &read_element(&self.strays, index)?);
        }
        Ok(strays)
    }
}

/// The values of each CPU; none, where the array has no such element.
fn read_element(array: &MapHandle, index: u32) -> Result<Vec<Vec<u8>>, Error> {
    let cpus = array.lookup_percpu(&index.to_ne_bytes(), MapFlags::ANY);
    let call = "reading the counters: bpf(BPF_MAP_LOOKUP_ELEM)";
    cpus.map(Option::unwrap_or_default)
        .map_err(|error| Error::map(call, error))
}

impl AsFd for XdpProgram {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.program.as_fd()
    }
}

/// EPERM is always about privilege; EACCES comes from the verifier, which allows less to those without CAP_PERFMON.
fn explain_load(source: libbpf_rs::Error) -> Error {
    let missing = privilege::missing();
    // libbpf-rs gives both the same kind and keeps the errno to itself, except in its text.
    let eperm = format!("{source:#}").contains(&io::Error::from(Errno::PERM).to_string());
    if eperm || (source.kind() == ErrorKind::PermissionDenied && !missing.is_empty()) {
        let call = "loading the XDP program: bpf(2)";
        return Error::Privilege { call, missing };
    }
    Error::Load {
        source: source.into(),
    }
}

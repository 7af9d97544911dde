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

/// The loaded XDP program, with its maps.
///
/// Loading does not attach it: [`attach`](Self::attach) puts it on an interface, or on several,
/// which then share rules, sockets and counters. An [`Attachment`] keeps the program running, with
/// its rules and sockets, after this is dropped.
///
/// All methods may be called from several threads at once, and take effect on the next packet.
/// [`AsFd`] lends the program's descriptor, as `bpf(2)` takes it.
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
    /// On Linux 5.9 and 5.10 the maps count as locked memory. libbpf raises RLIMIT_MEMLOCK there by
    /// itself; if that is forbidden and the limit is too small, loading fails. Later kernels have
    /// no such limit.
    ///
    /// # Errors
    /// [`Error::NoQueues`] if `max_queues` is 0; [`Error::Privilege`] without CAP_BPF, CAP_PERFMON
    /// and CAP_NET_ADMIN; [`Error::NotSocketMap`] without `/proc`; [`Error::Map`] if no descriptor
    /// is left for the map of sockets; [`Error::Load`] for any other failure.
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

    /// `bpf(BPF_LINK_CREATE)`: attaches the program to an interface of the calling thread's network
    /// namespace. Linux 5.9.
    ///
    /// [`Attachment::mode`] says which mode was obtained.
    ///
    /// # Errors
    /// [`Error::NoInterface`] if no interface has this index; [`Error::FindInterface`] if it can't
    /// be looked up; [`Error::Occupied`] if it already has an XDP program; [`Error::NativeRefused`]
    /// if native mode was asked for and the driver refuses; [`Error::Privilege`] if the call is not
    /// permitted; [`Error::Attach`] for any other failure.
    #[doc(alias = "xdp_program__attach")]
    pub fn attach(&self, ifindex: u32, mode: AttachMode) -> Result<Attachment, Error> {
        Attachment::create(self.program.as_fd(), ifindex, mode)
    }

    /// Takes the UDP datagrams to this destination port and address: the short form of a [`Rule`].
    ///
    /// No address means any, of IPv4 and IPv6; the unspecified address (0.0.0.0, ::) means any of
    /// its version. *Any* includes broadcast and multicast, and datagrams to other hosts if this
    /// host forwards packets or the interface is promiscuous. Taking again what is taken already
    /// changes nothing.
    ///
    /// # Errors
    /// As of [`add_rules`](Self::add_rules).
    pub fn take(&self, port: u16, address: Option<IpAddr>) -> Result<(), Error> {
        self.rules.add(&[Rule::udp_at(port, address)])
    }

    /// Undoes [`take`](Self::take) with the same arguments: these datagrams go to the kernel again.
    ///
    /// Returns whether they were taken. No address undoes the rules for *any* address, not those
    /// for a certain one.
    ///
    /// # Errors
    /// [`Error::PortZero`] if `port` is 0; [`Error::Map`] if a map can't be written.
    pub fn release(&self, port: u16, address: Option<IpAddr>) -> Result<bool, Error> {
        let removed = self.rules.remove(&[Rule::udp_at(port, address)])?;
        Ok(removed > 0)
    }

    /// Takes the packets that any of these rules matches, besides what is taken already.
    ///
    /// A few system calls add all of them: one for a range of ports, and one for any number of
    /// rules with prefixes. There is room for any ports and ranges of ports without another
    /// condition, and for 8,192 rules with other conditions per IP version. Those may have 16
    /// *shapes*: rules of one shape share the protocol, the lengths of their prefixes, whether they
    /// have a VLAN, and the range of ports; rules of single ports share one whatever the port. A
    /// packet costs the kernel one lookup per shape that is marked at its port, not one per rule.
    ///
    /// Adding a rule again changes nothing. A rule without addresses counts once for IPv4 and once
    /// for IPv6.
    ///
    /// # Errors
    /// [`Error::PortZero`], [`Error::NoPorts`], [`Error::NoSuchVlan`] and [`Error::MixedVersions`]
    /// if a rule can't match anything; [`Error::TooManyRules`] and [`Error::TooManyShapes`] if
    /// there is no room; [`Error::Map`] if a map can't be written. None of the rules is then added.
    pub fn add_rules(&self, rules: &[Rule]) -> Result<(), Error> {
        self.rules.add(rules)
    }

    /// Removes these rules: what they match goes to the kernel again, unless other rules match it
    /// as well.
    ///
    /// Returns how many of them there were.
    ///
    /// # Errors
    /// As of [`add_rules`](Self::add_rules) for a rule that can't match anything; [`Error::Map`] if
    /// a map can't be written.
    pub fn remove_rules(&self, rules: &[Rule]) -> Result<usize, Error> {
        self.rules.remove(rules)
    }

    /// Takes every frame, whatever it carries: also ARP, TCP and malformed packets.
    ///
    /// Only a [`limit`](Self::limit) still applies. Rules stay, and apply again after
    /// [`take_by_rules`](Self::take_by_rules). The kernel's stack gets nothing from the queues that
    /// have a socket, so the host loses its network on this interface. Frames on a queue without a
    /// socket go to the kernel, and are counted.
    ///
    /// # Errors
    /// [`Error::Map`] if the map can't be written.
    pub fn take_all(&self) -> Result<(), Error> {
        self.frames.take_all(true)
    }

    /// Undoes [`take_all`](Self::take_all): rules apply again.
    ///
    /// # Errors
    /// [`Error::Map`] if the map can't be written.
    pub fn take_by_rules(&self) -> Result<(), Error> {
        self.frames.take_all(false)
    }

    /// Limits the program to certain frames; all others go to the kernel.
    ///
    /// A program attached to several interfaces has one limit for all of them.
    ///
    /// # Errors
    /// [`Error::Map`] if the map can't be written.
    pub fn limit(&self, only: &Only) -> Result<(), Error> {
        self.frames.limit(only)
    }

    /// The sockets that get what is taken, by receive queue.
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

    /// [`SocketMap::unregister`] of [`sockets`](Self::sockets): what is taken on the queue goes to
    /// the kernel.
    ///
    /// # Errors
    /// As there.
    pub fn unregister_socket(&self, queue: u32) -> Result<(), Error> {
        self.sockets.unregister(queue)
    }

    /// The program's counters, over all interfaces that it is attached to.
    ///
    /// # Errors
    /// [`Error::Map`] if the map can't be read.
    pub fn counters(&self) -> Result<Counters, Error> {
        // An array has all its elements from the start.
        let cpus = read_element(&self.counters, 0)?;
        Ok(Counters::sum(&cpus))
    }

    /// [`Counters::no_socket`] by receive queue.
    ///
    /// This makes one system call per queue that is counted apart, so look at the counters first.
    ///
    /// # Errors
    /// [`Error::Map`] if the map can't be read.
    pub fn strays(&self) -> Result<Strays, Error> {
        let mut strays = Strays::default();
        for index in Strays::indices() {
            strays.count(index, &read_element(&self.strays, index)?);
        }
        Ok(strays)
    }
}

/// The values of the CPUs; none if the array has no such element.
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

/// EPERM is always about privilege. EACCES comes from the verifier, which allows less without
/// CAP_PERFMON.
fn explain_load(source: libbpf_rs::Error) -> Error {
    let missing = privilege::missing();
    // libbpf-rs gives both the same kind, and has the errno only in its text.
    let eperm = format!("{source:#}").contains(&io::Error::from(Errno::PERM).to_string());
    if eperm || (source.kind() == ErrorKind::PermissionDenied && !missing.is_empty()) {
        let call = "loading the XDP program: bpf(2)";
        return Error::Privilege { call, missing };
    }
    Error::Load {
        source: source.into(),
    }
}

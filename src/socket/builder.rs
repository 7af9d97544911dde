//! The configuration of a socket, before it is opened.

use std::os::fd::OwnedFd;

use xskit_core::SocketConfig;
use xskit_core::ring::RingSize;
use xskit_core::socket::{BusyPoll, ZeroCopy};
use xskit_core::umem::FrameSize;

use super::Socket;
use super::ground::Ground;
use crate::backend::{AnyBackend, Driving};
use crate::error::OpenError;
use crate::interface::Interface;
use crate::memory::MmapMemory;

/// The configuration of a [`Socket`]. The defaults are those of [`SocketConfig::new`], 4096 frames
/// of 4096 bytes, and direct system calls.
///
/// ```no_run
/// use xskit::Socket;
/// use xskit::af_xdp::socket::ZeroCopy;
///
/// let socket = Socket::builder("eth1")
///     .queue(3)
///     .frames(1 << 16)
///     .ring_size(4096)
///     .lend(1 << 12)
///     .zero_copy(ZeroCopy::Force)
///     .open()?;
/// assert!(socket.obtained().zero_copy);
/// # Ok::<(), xskit::OpenError>(())
/// ```
#[doc(alias = "xsk_socket_config")]
#[doc(alias = "xsk_socket_opts")]
#[doc(alias = "xsk_umem_config")]
#[doc(alias = "UmemConfig")]
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it opens a socket"]
pub struct SocketBuilder {
    interface: Interface,
    /// All but the index of the interface.
    config: SocketConfig,
    ring_size: Option<u32>,
    frames: u32,
    frame_size_bytes: u32,
    huge_pages: bool,
    numa_node: Option<u32>,
    driving: Driving,
    one_thread: bool,
}

impl Socket {
    /// Configures a socket, before it is opened. The interface is given by its name (`"eth1"`) or
    /// its index.
    #[doc(alias = "xsk_socket__create")]
    #[doc(alias = "xsk_socket__create_opts")]
    #[doc(alias = "xsk_umem__create")]
    pub fn builder(interface: impl Into<Interface>) -> SocketBuilder {
        SocketBuilder::new(interface.into())
    }
}

impl SocketBuilder {
    fn new(interface: Interface) -> Self {
        Self {
            interface,
            config: SocketConfig::new(0, 0),
            ring_size: None,
            frames: 4096,
            frame_size_bytes: FrameSize::DEFAULT.bytes(),
            huge_pages: false,
            numa_node: None,
            driving: Driving::default(),
            one_thread: false,
        }
    }

    /// The number of the queue, from 0.
    #[doc(alias = "queue_id")]
    pub fn queue(mut self, queue: u32) -> Self {
        self.config.queue = queue;
        self
    }

    /// The number of frames, to receive and to send.
    #[doc(alias = "frame_count")]
    pub fn frames(mut self, frames: u32) -> Self {
        self.frames = frames;
        self
    }

    /// The size of a frame: a power of two, from 2048 bytes up to a page.
    pub fn frame_size(mut self, bytes: u32) -> Self {
        self.frame_size_bytes = bytes;
        self
    }

    /// Whether to put the frames on pages of 2 MiB. [`Socket::memory`] reports what was obtained.
    #[doc(alias = "MAP_HUGETLB")]
    #[doc(alias = "use_huge_pages")]
    #[doc(alias = "hugepage")]
    pub fn huge_pages(mut self, huge_pages: bool) -> Self {
        self.huge_pages = huge_pages;
        self
    }

    /// Puts the frames in the memory of this NUMA node (`mbind(2)`). The device's node is best:
    /// `/sys/class/net/eth1/device/numa_node` names it (-1: none).
    #[doc(alias = "mbind")]
    pub fn numa_node(mut self, node: u32) -> Self {
        self.numa_node = Some(node);
        self
    }

    /// The number of slots of each of the four rings: a power of two.
    #[doc(alias = "rx_size")]
    #[doc(alias = "tx_size")]
    #[doc(alias = "fill_size")]
    #[doc(alias = "comp_size")]
    pub fn ring_size(mut self, slots: u32) -> Self {
        self.ring_size = Some(slots);
        self
    }

    /// How many frames the kernel holds to receive into; see [`SocketConfig::fill_frames`].
    pub fn lend(mut self, frames: u32) -> Self {
        self.config.fill_frames = Some(frames);
        self
    }

    /// Whether packets may be, must be, or must not be passed without a copy.
    #[doc(alias = "XDP_ZEROCOPY")]
    #[doc(alias = "XDP_COPY")]
    pub fn zero_copy(mut self, zero_copy: ZeroCopy) -> Self {
        self.config.zero_copy = zero_copy;
        self
    }

    /// How many packets one kick may send in copy mode; see [`SocketConfig::kick_budget`].
    pub fn kick_budget(mut self, packets: u32) -> Self {
        self.config.kick_budget = Some(packets);
        self
    }

    /// Has the program's own calls poll the device. [`Socket::obtained`] reports the outcome.
    #[doc(alias = "SO_PREFER_BUSY_POLL")]
    #[doc(alias = "SO_BUSY_POLL")]
    pub fn busy_poll(mut self, busy_poll: BusyPoll) -> Self {
        self.config.busy_poll = Some(busy_poll);
        self
    }

    /// Which backend drives the socket, and how it waits.
    pub fn driving(mut self, driving: Driving) -> Self {
        self.driving = driving;
        self
    }

    /// Promises that the socket stays on the thread that opens it. An io_uring then leaves
    /// completions to the next wait (DEFER_TASKRUN, Linux 6.1) instead of running them at any time,
    /// and calls from other threads fail with EEXIST.
    pub fn one_thread(mut self) -> Self {
        self.one_thread = true;
        self
    }

    /// Sets the whole configuration of the core's socket at once. The index of the interface stays
    /// the builder's.
    pub fn config(mut self, config: SocketConfig) -> Self {
        self.config = config;
        self.ring_size = None;
        self
    }

    /// Maps the memory, makes the backend, and opens the socket.
    ///
    /// # Errors
    /// [`OpenError`] says what failed, and what to try.
    #[doc(alias = "xsk_socket__create")]
    #[doc(alias = "xsk_umem__create")]
    pub fn open(&self) -> Result<Socket, OpenError> {
        Socket::open(self.ground()?, None, &self.socket_config()?)
    }

    /// Opens the socket on a descriptor that [`Socket::create_descriptor`] returned, usually in
    /// another process. Takes no capability. An error closes the descriptor, and so does dropping
    /// the socket.
    ///
    /// Without CAP_IPC_LOCK the frames count against RLIMIT_MEMLOCK (`ulimit -l`, often 8 MiB). The
    /// interface is in the network namespace that the descriptor was created in. A name is looked
    /// up in the thread's namespace, so give the index if they differ.
    ///
    /// Afterwards the socket has to be put into the XDP program's map: by the process that created
    /// it, which keeps a duplicate of the descriptor, or by this process, with a descriptor of the
    /// map (Linux 5.19). A process that keeps a duplicate keeps the queue taken, and could map the
    /// rings.
    ///
    /// ```no_run
    /// use xskit::Socket;
    ///
    /// # fn receive() -> std::os::fd::OwnedFd { unimplemented!() }
    /// let descriptor = receive(); // by SCM_RIGHTS, or inherited
    /// let socket = Socket::builder(2).frames(1024).open_from(descriptor)?;
    /// # Ok::<(), xskit::OpenError>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError`] says what failed, and what to try. [`OpenError::Descriptor`] if the descriptor
    /// is not an AF_XDP socket's, or was used before.
    #[doc(alias = "SCM_RIGHTS")]
    #[doc(alias = "xsk_umem__create_with_fd")]
    pub fn open_from(&self, descriptor: OwnedFd) -> Result<Socket, OpenError> {
        Socket::open(self.ground()?, Some(descriptor), &self.socket_config()?)
    }

    /// Opens the socket, and has the XDP program redirect the UDP datagrams to this port to it:
    /// those for any address that arrive on the socket's queue. Everything else passes to the
    /// kernel.
    ///
    /// ```no_run
    /// use xskit::Socket;
    ///
    /// let (socket, program) = Socket::builder("eth1").open_and_take(4433)?;
    /// println!("{} mode, zero-copy: {}", program.mode(), socket.obtained().zero_copy);
    /// # Ok::<(), xskit::TakeError>(())
    /// ```
    ///
    /// # Errors
    /// [`TakeError`](crate::TakeError) says what failed, and what to try. Then nothing stays open
    /// or attached.
    #[cfg(feature = "bpf")]
    pub fn open_and_take(
        &self,
        port: u16,
    ) -> Result<(Socket, crate::AttachedProgram), crate::TakeError> {
        let config = self.socket_config()?;
        let socket = Socket::open(self.ground()?, None, &config)?;
        let sockets = [(config.queue, &socket)];
        let program = crate::AttachedProgram::take(config.ifindex, port, sockets)?;
        Ok((socket, program))
    }

    /// The configuration of the core's socket.
    pub(super) fn socket_config(&self) -> Result<SocketConfig, OpenError> {
        let mut config = self.config;
        config.ifindex = self.interface.index()?;
        if let Some(slots) = self.ring_size {
            let size = RingSize::new(slots)?;
            (config.fill, config.completion) = (size, size);
            (config.rx, config.tx) = (size, size);
        }
        Ok(config)
    }

    /// The frames, and the backend.
    pub(super) fn ground(&self) -> Result<Ground, OpenError> {
        let size = FrameSize::new(self.frame_size_bytes)?;
        let len_bytes = u64::from(self.frames) * u64::from(size.bytes());
        let len_bytes = usize::try_from(len_bytes).unwrap_or(usize::MAX);
        let mut memory = MmapMemory::allocate(len_bytes, self.huge_pages)
            .map_err(|errno| OpenError::Memory { len_bytes, errno })?;
        if let Some(node) = self.numa_node {
            let bound = memory.bind_to_node(node);
            bound.map_err(|errno| OpenError::NumaNode { node, errno })?;
        }
        let backend = AnyBackend::new(self.driving, !self.one_thread)?;
        Ground::new(backend, memory, size)
    }

    pub(super) fn frame_count(&self) -> u32 {
        self.frames
    }
}

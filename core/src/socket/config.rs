//! The configuration of a socket.

use crate::abi::bind_flags;
use crate::ring::RingSize;

/// The configuration of a socket. Ring sizes and modes hold only values that the kernel can accept.
/// The caller compares the interface's MTU with
/// [`FrameSize::largest_mtu`](crate::umem::FrameSize::largest_mtu).
///
/// ```
/// use xskit_core::SocketConfig;
/// use xskit_core::ring::RingSize;
/// use xskit_core::socket::ZeroCopy;
///
/// let config = SocketConfig {
///     rx: RingSize::new(4096)?,
///     fill_frames: Some(512),
///     zero_copy: ZeroCopy::Refuse,
///     ..SocketConfig::new(2, 0) // interface 2, queue 0
/// };
/// assert_eq!(config.tx, RingSize::DEFAULT);
/// # Ok::<(), xskit_core::ring::RingSizeError>(())
/// ```
#[doc(alias = "xsk_socket_config")]
#[doc(alias = "xsk_socket_opts")]
#[doc(alias = "xsk_umem_config")]
#[doc(alias = "sockaddr_xdp")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketConfig {
    /// Index of the interface.
    pub ifindex: u32,
    /// Number of the queue, from 0.
    pub queue: u32,
    /// Slots of the fill ring.
    #[doc(alias = "fill_size")]
    pub fill: RingSize,
    /// Slots of the completion ring.
    #[doc(alias = "comp_size")]
    pub completion: RingSize,
    /// Slots of the RX ring.
    #[doc(alias = "rx_size")]
    pub rx: RingSize,
    /// Slots of the TX ring.
    #[doc(alias = "tx_size")]
    pub tx: RingSize,
    /// How many frames the kernel holds to receive into; the rest stay free for sending. The
    /// default is half of the UMEM's frames. A larger number than the fill ring or the UMEM holds
    /// means as many as they hold.
    ///
    /// The kernel takes them in turn. In copy mode a small number (512, for instance) stays in the
    /// cache of the core that fills them. With a large number, longer bursts find room while the
    /// program is away.
    ///
    /// Some zero-copy drivers (ice, i40e) require a filled ring at `bind(2)`, even for a socket
    /// that only sends. A socket that shares a UMEM fills its ring after that, and then wakes the
    /// driver.
    pub fill_frames: Option<u32>,
    /// Whether packets may be, must be, or must not be passed without a copy.
    pub zero_copy: ZeroCopy,
    /// How many packets one kick may send in copy mode (XDP_MAX_TX_SKB_BUDGET, Linux 6.17). The
    /// default is the whole TX ring. A smaller number than 32 means 32, a larger one than the TX
    /// ring holds means the whole ring. Kernels without the option send 32.
    pub kick_budget: Option<u32>,
    /// Whether the program polls the device. If the kernel refuses, the socket opens without it.
    pub busy_poll: Option<BusyPoll>,
}

/// Whether to use zero-copy mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZeroCopy {
    /// Zero-copy if the driver has it, copy otherwise.
    #[default]
    Auto,
    /// Zero-copy, or an error.
    #[doc(alias = "XDP_ZEROCOPY")]
    Force,
    /// Copy mode.
    #[doc(alias = "XDP_COPY")]
    Refuse,
}

/// Busy polling: the kernel polls the device when the program calls, rather than on interrupts.
///
/// While it is on, [`flush`](super::Socket::flush) also has the kernel poll the device if the RX
/// ring is empty: one call per flush. The device still raises interrupts unless they are deferred
/// (`napi_defer_hard_irqs` and `gro_flush_timeout` in `/sys/class/net`). Once they are, only these
/// calls bring packets in time. Linux 5.11. Takes CAP_NET_ADMIN.
#[doc(alias = "SO_PREFER_BUSY_POLL")]
#[doc(alias = "SO_BUSY_POLL")]
#[doc(alias = "SO_BUSY_POLL_BUDGET")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusyPoll {
    /// SO_BUSY_POLL: how long a call that blocks may poll, in microseconds, up to 2^31 - 1.
    pub us: u32,
    /// SO_BUSY_POLL_BUDGET: packets that one call may process; the kernel's default is 8.
    pub budget: u16,
}

impl SocketConfig {
    /// The defaults for a queue: rings of 2048 slots, half of the frames to receive into,
    /// kicks that send the whole TX ring, no busy polling.
    #[must_use]
    pub const fn new(ifindex: u32, queue: u32) -> Self {
        Self {
            ifindex,
            queue,
            fill: RingSize::DEFAULT,
            completion: RingSize::DEFAULT,
            rx: RingSize::DEFAULT,
            tx: RingSize::DEFAULT,
            fill_frames: None,
            zero_copy: ZeroCopy::Auto,
            kick_budget: None,
            busy_poll: None,
        }
    }

    pub(super) const fn bind_flags(&self) -> u16 {
        let mode = match self.zero_copy {
            ZeroCopy::Auto => 0,
            ZeroCopy::Force => bind_flags::ZEROCOPY,
            ZeroCopy::Refuse => bind_flags::COPY,
        };
        mode | bind_flags::USE_NEED_WAKEUP
    }
}

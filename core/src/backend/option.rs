//! The options of a socket, and the four rings that some of them size.

use crate::abi::{UmemReg, pgoff};

/// A socket option that can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOption {
    /// XDP_UMEM_REG.
    UmemReg(UmemReg),
    /// The number of a ring's slots: XDP_UMEM_FILL_RING and the other three.
    RingSize(RingKind, u32),
    /// XDP_MAX_TX_SKB_BUDGET: descriptors that one kick sends in copy mode, from 32 to the slots of
    /// the TX ring; EACCES otherwise. Linux 6.17.
    TransmitBudget(u32),
    /// SO_PREFER_BUSY_POLL, at level SOL_SOCKET: packets are processed when the program asks, and
    /// the device's interrupts stay off meanwhile. Linux 5.11. Switching it on takes CAP_NET_ADMIN.
    PreferBusyPoll(bool),
    /// SO_BUSY_POLL, at level SOL_SOCKET: how long a call may poll the device, in microseconds, up
    /// to 2^31 - 1; EINVAL otherwise. AF_XDP sockets have it since Linux 5.11. Some kernels refuse
    /// to raise it without CAP_NET_ADMIN; 6.18 does not.
    BusyPoll {
        /// Zero switches it off.
        us: u32,
    },
    /// SO_BUSY_POLL_BUDGET, at level SOL_SOCKET: packets that a call may process; zero stands for
    /// the default, 8. Raising it takes CAP_NET_ADMIN. Linux 5.11.
    BusyPollBudget(u16),
}

impl SetOption {
    /// The option's name in the kernel's headers.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UmemReg(_) => "XDP_UMEM_REG",
            Self::RingSize(RingKind::Fill, _) => "XDP_UMEM_FILL_RING",
            Self::RingSize(RingKind::Completion, _) => "XDP_UMEM_COMPLETION_RING",
            Self::RingSize(RingKind::Rx, _) => "XDP_RX_RING",
            Self::RingSize(RingKind::Tx, _) => "XDP_TX_RING",
            Self::TransmitBudget(_) => "XDP_MAX_TX_SKB_BUDGET",
            Self::PreferBusyPoll(_) => "SO_PREFER_BUSY_POLL",
            Self::BusyPoll { .. } => "SO_BUSY_POLL",
            Self::BusyPollBudget(_) => "SO_BUSY_POLL_BUDGET",
        }
    }
}

/// One of the four rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingKind {
    /// Empty frames to the kernel.
    Fill,
    /// Sent frames from the kernel.
    Completion,
    /// Received packets from the kernel.
    Rx,
    /// Packets to send to the kernel.
    Tx,
}

impl RingKind {
    /// The offset that names the ring to `mmap(2)`, in bytes.
    #[must_use]
    pub const fn pgoff(self) -> u64 {
        match self {
            Self::Fill => pgoff::UMEM_FILL_RING,
            Self::Completion => pgoff::UMEM_COMPLETION_RING,
            Self::Rx => pgoff::RX_RING,
            Self::Tx => pgoff::TX_RING,
        }
    }

    /// The ring's name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::Completion => "completion",
            Self::Rx => "RX",
            Self::Tx => "TX",
        }
    }
}

//! Where a frame can be.

/// The place of a frame. Every frame is in exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Free.
    Stash,
    /// In the program's hands.
    Application,
    /// Out of use: the kernel had it when its socket was closed.
    Retired,
    /// On the fill ring.
    FillRing,
    /// In the kernel's hands, to receive into.
    KernelReceive,
    /// On the RX ring.
    RxRing,
    /// Off the RX ring, by an iterator that was leaked.
    Lost,
    /// On the TX ring, not shown to the kernel yet.
    Sent,
    /// On the TX ring, for the kernel to take.
    TxRing,
    /// In the kernel's hands, being sent.
    KernelSend,
    /// On the completion ring.
    CompletionRing,
}

impl Place {
    /// The number of places that the sockets of a UMEM have in common: the first ones.
    pub const COMMON: usize = 3;

    /// The kernel's places by the core's books, in the order in which a frame passes each half of a
    /// socket. Each socket has its own.
    pub const OF_KERNEL: [Self; 8] = [
        Self::FillRing,
        Self::KernelReceive,
        Self::RxRing,
        Self::Lost,
        Self::Sent,
        Self::TxRing,
        Self::KernelSend,
        Self::CompletionRing,
    ];

    /// The index in [`OF_KERNEL`](Self::OF_KERNEL), if it is there.
    #[must_use]
    pub const fn of_socket(self) -> Option<usize> {
        (self as usize).checked_sub(Self::COMMON)
    }
}

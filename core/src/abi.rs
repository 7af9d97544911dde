//! Byte-exact mirrors of `linux/if_xdp.h` as of Linux 6.18.
//!
//! Every structure has its size and its offsets asserted at compile time against the header.
//! The names are the header's own, without the `XDP_` prefix where a type already says it.

use static_assertions::{assert_eq_size, const_assert_eq};

/// The address family of AF_XDP sockets (`AF_XDP`, `linux/socket.h`), first in Linux 4.18.
pub const AF_XDP: u16 = 44;
/// The level of AF_XDP socket options (`SOL_XDP`, `linux/socket.h`).
pub const SOL_XDP: i32 = 283;

/// Flags of [`SockaddrXdp::flags`], given to `bind(2)`.
pub mod bind_flags {
    /// Use the UMEM of the socket named in `shared_umem_fd`. Excludes every other flag.
    #[doc(alias = "XDP_SHARED_UMEM")]
    pub const SHARED_UMEM: u16 = 1 << 0;
    /// Insist on copy mode.
    #[doc(alias = "XDP_COPY")]
    pub const COPY: u16 = 1 << 1;
    /// Insist on zero-copy mode; `bind(2)` fails if the driver has none.
    #[doc(alias = "XDP_ZEROCOPY")]
    pub const ZEROCOPY: u16 = 1 << 2;
    /// Have the kernel set the rings' NEED_WAKEUP flag when it must be woken (Linux 5.4).
    #[doc(alias = "XDP_USE_NEED_WAKEUP")]
    pub const USE_NEED_WAKEUP: u16 = 1 << 3;
    /// Packets may span several frames (Linux 6.6).
    #[doc(alias = "XDP_USE_SG")]
    pub const USE_SG: u16 = 1 << 4;
}

/// Flags of [`UmemReg::flags`].
pub mod umem_flags {
    /// Frames may lie anywhere in the UMEM (Linux 5.4).
    #[doc(alias = "XDP_UMEM_UNALIGNED_CHUNK_FLAG")]
    pub const UNALIGNED_CHUNK: u32 = 1 << 0;
    /// Checksums asked for in TX metadata are computed in software (Linux 6.8).
    pub const TX_SW_CSUM: u32 = 1 << 1;
    /// `tx_metadata_len` is valid (Linux 6.11).
    pub const TX_METADATA_LEN: u32 = 1 << 2;
}

/// Set in a ring's flags word while the kernel wants to be woken (Linux 5.4).
#[doc(alias = "XDP_RING_NEED_WAKEUP")]
pub const RING_NEED_WAKEUP: u32 = 1 << 0;

/// Names of the socket options at level [`SOL_XDP`].
pub mod sockopt {
    /// Read [`MmapOffsets`](super::MmapOffsets).
    pub const MMAP_OFFSETS: i32 = 1;
    /// Set the RX ring's entries (`u32`).
    pub const RX_RING: i32 = 2;
    /// Set the TX ring's entries (`u32`).
    pub const TX_RING: i32 = 3;
    /// Register a UMEM ([`UmemReg`](super::UmemReg)).
    pub const UMEM_REG: i32 = 4;
    /// Set the fill ring's entries (`u32`).
    pub const UMEM_FILL_RING: i32 = 5;
    /// Set the completion ring's entries (`u32`).
    pub const UMEM_COMPLETION_RING: i32 = 6;
    /// Read [`Statistics`](super::Statistics).
    pub const STATISTICS: i32 = 7;
    /// Read [`Options`](super::Options) (Linux 5.3).
    pub const OPTIONS: i32 = 8;
    /// Set how many descriptors one kick sends in copy mode (`u32`, Linux 6.17).
    pub const MAX_TX_SKB_BUDGET: i32 = 9;
}

/// Offsets given to `mmap(2)` on the socket, in bytes.
pub mod pgoff {
    /// The RX ring.
    pub const RX_RING: u64 = 0;
    /// The TX ring.
    pub const TX_RING: u64 = 0x8000_0000;
    /// The fill ring.
    pub const UMEM_FILL_RING: u64 = 0x1_0000_0000;
    /// The completion ring.
    pub const UMEM_COMPLETION_RING: u64 = 0x1_8000_0000;
}

/// The lowest bit of the offset in an unaligned-mode address, which is its upper 16 bits.
pub const UNALIGNED_BUF_OFFSET_SHIFT: u32 = 48;
/// The part of an unaligned-mode address below the offset: the base address.
pub const UNALIGNED_BUF_ADDR_MASK: u64 = (1 << UNALIGNED_BUF_OFFSET_SHIFT) - 1;

/// Flags of [`TxMetadata::flags`].
pub mod txmd_flags {
    /// Ask for the time of sending (Linux 6.8).
    pub const TIMESTAMP: u64 = 1 << 0;
    /// Ask for a checksum over `csum_start..`, stored at `csum_offset` (Linux 6.8).
    pub const CHECKSUM: u64 = 1 << 1;
    /// Ask for sending at `launch_time` (Linux 6.15).
    pub const LAUNCH_TIME: u64 = 1 << 2;
}

/// Flags of [`Desc::options`].
pub mod desc_options {
    /// The packet continues in the next descriptor (Linux 6.6).
    pub const PKT_CONTD: u32 = 1 << 0;
    /// [`TxMetadata`](super::TxMetadata) precedes the packet (Linux 6.8).
    pub const TX_METADATA: u32 = 1 << 1;
}

/// Set in [`Options::flags`] when the socket is in zero-copy mode.
#[doc(alias = "XDP_OPTIONS_ZEROCOPY")]
pub const OPTIONS_ZEROCOPY: u32 = 1 << 0;

/// `struct sockaddr_xdp`: the address for `bind(2)`.
#[doc(alias = "sockaddr_xdp")]
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SockaddrXdp {
    /// [`AF_XDP`].
    pub family: u16,
    /// See [`bind_flags`].
    pub flags: u16,
    /// Index of the interface.
    pub ifindex: u32,
    /// Number of the queue, from 0.
    pub queue_id: u32,
    /// The socket whose UMEM is shared, with [`bind_flags::SHARED_UMEM`].
    pub shared_umem_fd: u32,
}

/// `struct xdp_ring_offset`: where a ring's words lie in its mapping, in bytes.
#[doc(alias = "xdp_ring_offset")]
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingOffset {
    /// The producer's cursor.
    pub producer: u64,
    /// The consumer's cursor.
    pub consumer: u64,
    /// The first descriptor.
    pub desc: u64,
    /// The flags word (Linux 5.4).
    pub flags: u64,
}

/// `struct xdp_mmap_offsets`: the layout of all four rings.
#[doc(alias = "xdp_mmap_offsets")]
#[doc(alias = "XDP_MMAP_OFFSETS")]
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MmapOffsets {
    /// The RX ring.
    pub rx: RingOffset,
    /// The TX ring.
    pub tx: RingOffset,
    /// The fill ring.
    pub fr: RingOffset,
    /// The completion ring.
    pub cr: RingOffset,
}

/// `struct xdp_umem_reg`: a UMEM to register.
#[doc(alias = "xdp_umem_reg")]
#[doc(alias = "XDP_UMEM_REG")]
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UmemReg {
    /// Address of the region, page-aligned.
    pub addr: u64,
    /// Its length in bytes.
    pub len: u64,
    /// Size of a frame in bytes: 2048 to the page size, a power of two in aligned mode.
    pub chunk_size: u32,
    /// Bytes left free before a received packet, on top of the kernel's own 256.
    pub headroom: u32,
    /// See [`umem_flags`].
    pub flags: u32,
    /// Bytes of [`TxMetadata`] before each packet; formerly padding, so zero when unused.
    pub tx_metadata_len: u32,
}

/// `struct xdp_statistics`: what the kernel counted for a socket, in packets or descriptors.
///
/// ```
/// use xskit_core::abi::Statistics;
///
/// let counted = Statistics { rx_dropped: 12, rx_fill_ring_empty_descs: 10, ..Statistics::default() };
/// assert_eq!(counted.rx_dropped_otherwise(), 2);
/// ```
#[doc(alias = "xdp_statistics")]
#[doc(alias = "XDP_STATISTICS")]
#[doc(alias = "XdpStatistics")]
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Dropped for a reason other than an invalid descriptor or a full RX ring. Drops for an empty
    /// fill ring count here and in `rx_fill_ring_empty_descs`.
    pub rx_dropped: u64,
    /// Dropped because of an invalid descriptor on the fill ring.
    pub rx_invalid_descs: u64,
    /// Not sent because of an invalid descriptor on the TX ring.
    pub tx_invalid_descs: u64,
    /// Dropped because the RX ring was full (Linux 5.9).
    pub rx_ring_full: u64,
    /// Attempts to take a frame from an empty fill ring (Linux 5.9).
    pub rx_fill_ring_empty_descs: u64,
    /// Attempts to take a descriptor from an empty TX ring (Linux 5.9).
    pub tx_ring_empty_descs: u64,
}

impl core::ops::AddAssign for Statistics {
    /// Adds the counts of another socket.
    fn add_assign(&mut self, other: Self) {
        self.rx_dropped += other.rx_dropped;
        self.rx_invalid_descs += other.rx_invalid_descs;
        self.tx_invalid_descs += other.tx_invalid_descs;
        self.rx_ring_full += other.rx_ring_full;
        self.rx_fill_ring_empty_descs += other.rx_fill_ring_empty_descs;
        self.tx_ring_empty_descs += other.tx_ring_empty_descs;
    }
}

impl Statistics {
    /// Packets dropped because they are too long for a frame
    /// ([`FrameSize::largest_mtu`](crate::umem::FrameSize::largest_mtu)). In zero-copy mode this
    /// may be too low: looks at an empty fill ring are subtracted, and `rx_dropped` does not count
    /// them there.
    #[must_use]
    pub const fn rx_dropped_otherwise(&self) -> u64 {
        self.rx_dropped
            .saturating_sub(self.rx_fill_ring_empty_descs)
    }
}

/// `struct xdp_options`: what `bind(2)` obtained.
#[doc(alias = "xdp_options")]
#[doc(alias = "XDP_OPTIONS")]
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// [`OPTIONS_ZEROCOPY`] or zero.
    pub flags: u32,
}

/// `struct xdp_desc`: a packet on the RX or the TX ring.
#[doc(alias = "xdp_desc")]
#[doc(alias = "RxTxDescriptor")]
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Desc {
    /// Byte offset of the packet in the UMEM.
    pub addr: u64,
    /// Length of the packet in bytes.
    pub len: u32,
    /// See [`desc_options`].
    pub options: u32,
}

/// `struct xsk_tx_metadata` as a request, before a packet on the TX ring (Linux 6.8).
#[doc(alias = "xsk_tx_metadata")]
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TxMetadata {
    /// See [`txmd_flags`].
    pub flags: u64,
    /// Where the checksum starts, in bytes from the packet's start.
    pub csum_start: u16,
    /// Where it is stored, in bytes from `csum_start`.
    pub csum_offset: u16,
    /// When to send, in nanoseconds of the device's clock (Linux 6.15).
    pub launch_time: u64,
}

/// `struct xsk_tx_metadata` as the completion fills it in (Linux 6.8).
#[doc(alias = "xsk_tx_metadata")]
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TxMetadataCompletion {
    /// See [`txmd_flags`].
    pub flags: u64,
    /// When the packet was sent, in nanoseconds of the device's clock.
    pub tx_timestamp: u64,
}

macro_rules! assert_layout {
    ($type:ty, $size:literal, { $($field:ident: $offset:literal),* $(,)? }) => {
        assert_eq_size!($type, [u8; $size]);
        $(const_assert_eq!(core::mem::offset_of!($type, $field), $offset);)*
    };
}

assert_layout!(SockaddrXdp, 16, { family: 0, flags: 2, ifindex: 4, queue_id: 8, shared_umem_fd: 12 });
assert_layout!(RingOffset, 32, { producer: 0, consumer: 8, desc: 16, flags: 24 });
assert_layout!(MmapOffsets, 128, { rx: 0, tx: 32, fr: 64, cr: 96 });
assert_layout!(UmemReg, 32, {
    addr: 0, len: 8, chunk_size: 16, headroom: 20, flags: 24, tx_metadata_len: 28,
});
assert_layout!(Statistics, 48, {
    rx_dropped: 0, rx_invalid_descs: 8, tx_invalid_descs: 16, rx_ring_full: 24,
    rx_fill_ring_empty_descs: 32, tx_ring_empty_descs: 40,
});
assert_layout!(Options, 4, { flags: 0 });
assert_layout!(Desc, 16, { addr: 0, len: 8, options: 12 });
assert_layout!(TxMetadata, 24, { flags: 0, csum_start: 8, csum_offset: 10, launch_time: 16 });
assert_layout!(TxMetadataCompletion, 16, { flags: 0, tx_timestamp: 8 });

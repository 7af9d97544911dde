//! The size of a frame.

/// A frame size that the kernel accepts in aligned mode: a power of two, 2048 up to a page.
///
/// A page is 4096 bytes on x86-64; the kernel has the last word where pages are larger.
///
/// ```
/// use xskit_core::umem::FrameSize;
///
/// let size = FrameSize::new(2048)?;
/// assert_eq!((size.bytes(), size.largest_mtu()), (2048, 1770));
/// assert!(FrameSize::new(1500).is_err());
/// # Ok::<(), xskit_core::umem::FrameSizeError>(())
/// ```
#[doc(alias = "chunk_size")]
#[doc(alias = "frame_size")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameSize {
    shift: u32,
    /// The size less one: what remains of an address within its frame.
    mask: u32,
}

impl FrameSize {
    /// 4096 bytes.
    pub const DEFAULT: Self = Self {
        shift: 12,
        mask: 4095,
    };

    /// Checks `bytes`.
    ///
    /// # Errors
    /// [`FrameSizeError`] if it is not a power of two from 2048 (`XDP_UMEM_MIN_CHUNK_SIZE`) to
    /// 65536, the largest page of any architecture.
    pub const fn new(bytes: u32) -> Result<Self, FrameSizeError> {
        if bytes.is_power_of_two() && bytes >= 2048 && bytes <= 65536 {
            Ok(Self {
                shift: bytes.trailing_zeros(),
                mask: bytes - 1,
            })
        } else {
            Err(FrameSizeError(bytes))
        }
    }

    /// The size in bytes.
    #[must_use]
    #[inline]
    pub const fn bytes(self) -> u32 {
        self.mask + 1
    }

    /// The largest MTU of an interface whose packets all fit into a frame, in bytes: the frame's
    /// size less the kernel's part (XDP_PACKET_HEADROOM, 256 bytes) and an Ethernet header with two
    /// VLAN tags (22).
    ///
    /// Compare it with the interface's MTU before opening a socket: in copy mode the kernel accepts
    /// any MTU, and drops packets that do not fit.
    /// [`Statistics::rx_dropped_otherwise`](crate::abi::Statistics::rx_dropped_otherwise) counts
    /// those.
    #[must_use]
    pub const fn largest_mtu(self) -> u32 {
        self.bytes() - (256 + 22)
    }

    /// Where frame `number` starts, in bytes from the start of the UMEM.
    #[inline]
    pub(super) const fn address(self, number: u32) -> u64 {
        (number as u64) << self.shift
    }

    /// The number of the frame that an address lies in. Any address has one, whether or not there
    /// is such a frame.
    #[inline]
    pub(super) const fn number(self, address: u64) -> u64 {
        address >> self.shift
    }

    /// How many bytes there are from an address to the end of its frame.
    #[inline]
    pub(super) const fn left(self, address: u64) -> u32 {
        (!(address as u32) & self.mask) + 1
    }

    /// The size as a power of two.
    #[inline]
    pub(crate) const fn shift(self) -> u32 {
        self.shift
    }
}

/// A frame size that the kernel would refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("frames of {0} bytes are not possible: use 2048 or 4096 (a power of two, at most a page)")]
pub struct FrameSizeError(pub u32);

//! The number of a ring's slots.

/// A number of ring slots that the kernel can serve: a power of two, 1 to 2^20.
///
/// The kernel accepts more and allocates the memory at once, up to 32 GiB per ring: it runs out of
/// memory rather than refusing.
///
/// ```
/// use xskit_core::ring::RingSize;
///
/// assert_eq!(RingSize::new(4096)?.slots(), 4096);
/// assert!(RingSize::new(1000).is_err());
/// # Ok::<(), xskit_core::ring::RingSizeError>(())
/// ```
#[doc(alias = "QueueSize")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RingSize(u32);

impl RingSize {
    /// 2048 slots, the default of libxdp as well.
    pub const DEFAULT: Self = Self(2048);

    /// 1,048,576 slots: 16 MiB of descriptors.
    pub const MAX: Self = Self(1 << 20);

    /// Checks `slots`.
    ///
    /// # Errors
    /// [`RingSizeError`] if it is zero, not a power of two, or more than [`MAX`](Self::MAX).
    pub const fn new(slots: u32) -> Result<Self, RingSizeError> {
        if slots.is_power_of_two() && slots <= Self::MAX.0 {
            Ok(Self(slots))
        } else {
            Err(RingSizeError(slots))
        }
    }

    /// The number of slots.
    #[must_use]
    #[inline]
    pub const fn slots(self) -> u32 {
        self.0
    }

    /// The mask that turns a cursor into a slot number.
    #[must_use]
    #[inline]
    pub const fn mask(self) -> u32 {
        self.0 - 1
    }
}

/// A ring size that the kernel would refuse, or could not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a ring of {0} slots is not possible: use a power of two, at most {most}, such as {nearest}",
    most = RingSize::MAX.slots(),
    nearest = nearest(*.0)
)]
pub struct RingSizeError(pub u32);

/// The power of two that was probably meant.
fn nearest(slots: u32) -> u32 {
    match slots.checked_next_power_of_two() {
        Some(next) if next < RingSize::MAX.0 => next,
        _ => RingSize::MAX.0,
    }
}

#[cfg(test)]
mod tests {
    use super::{RingSize, RingSizeError};

    #[test]
    fn takes_powers_of_two_only() {
        assert_eq!(RingSize::new(1).map(RingSize::mask), Ok(0));
        assert_eq!(RingSize::new(1 << 20).map(RingSize::slots), Ok(1 << 20));
        for wrong in [0, 3, 1000, 1 << 21, 1 << 31, u32::MAX] {
            assert_eq!(RingSize::new(wrong), Err(RingSizeError(wrong)));
        }
    }
}

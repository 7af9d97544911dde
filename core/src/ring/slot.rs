//! A ring's slots, as atomics: the peer may write them at any time.

use super::sync::{AtomicU64, Ordering};
use crate::abi::Desc;

/// A slot of a ring in shared memory. Sealed: a ring relies on slots being atomics, for which any
/// bytes are valid.
///
/// Loads and stores are relaxed: the cursor that is published after a store, or read before a load,
/// orders them. A hostile peer can thus make us read nonsense, but never cause a data race.
pub trait Slot: sealed::Sealed {
    /// The value that passes through the slot.
    type Value: Copy;

    /// Reads the slot.
    fn load(&self) -> Self::Value;

    /// Writes the slot.
    fn store(&self, value: Self::Value);
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::AddressSlot {}
    impl Sealed for super::DescSlot {}
}

/// A slot of the fill or the completion ring: a frame's byte offset in the UMEM.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct AddressSlot(AtomicU64);

impl Slot for AddressSlot {
    type Value = u64;

    #[inline]
    fn load(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    fn store(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// A slot of the RX or the TX ring: [`Desc`], its address and its other two words.
#[repr(C)]
#[derive(Debug, Default)]
pub struct DescSlot {
    addr: AtomicU64,
    /// `len` and then `options` in memory: two words that are always read or written together.
    len_options: AtomicU64,
}

// Loom's atomics are larger.
#[cfg(not(loom))]
const _: () = {
    static_assertions::assert_eq_size!(DescSlot, Desc);
    static_assertions::assert_eq_align!(DescSlot, Desc);
    static_assertions::const_assert_eq!(core::mem::offset_of!(Desc, len), 8);
    static_assertions::const_assert_eq!(core::mem::offset_of!(Desc, options), 12);
    static_assertions::const_assert_eq!(core::mem::offset_of!(DescSlot, len_options), 8);
};

/// The shifts of `len` and `options` in the 64-bit word whose bytes they are.
const SHIFTS: (u32, u32) = if cfg!(target_endian = "little") {
    (0, 32)
} else {
    (32, 0)
};

impl Slot for DescSlot {
    type Value = Desc;

    #[inline]
    fn load(&self) -> Desc {
        let addr = self.addr.load(Ordering::Relaxed);
        let both = self.len_options.load(Ordering::Relaxed);
        Desc {
            addr,
            len: (both >> SHIFTS.0) as u32,
            options: (both >> SHIFTS.1) as u32,
        }
    }

    #[inline]
    fn store(&self, value: Desc) {
        let both = u64::from(value.len) << SHIFTS.0 | u64::from(value.options) << SHIFTS.1;
        self.addr.store(value.addr, Ordering::Relaxed);
        self.len_options.store(both, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{DescSlot, Slot};
    use crate::abi::Desc;

    #[test]
    fn a_descriptor_lies_in_memory_as_the_kernel_has_it() {
        let desc = Desc {
            addr: 0x0102_0304_0506_0708,
            len: 0x1112_1314,
            options: 0x2122_2324,
        };
        let slot = DescSlot::default();
        slot.store(desc);
        assert_eq!(slot.load(), desc);
        let second = slot.len_options.into_inner().to_ne_bytes();
        assert_eq!(second[..4], desc.len.to_ne_bytes());
        assert_eq!(second[4..], desc.options.to_ne_bytes());
    }
}

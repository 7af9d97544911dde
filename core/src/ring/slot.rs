//! What a ring's slots hold, as atomics: the peer may write them at any time.

use crate::abi::Desc;
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// A slot of a ring in shared memory. Sealed: a ring relies on slots being atomics, any bytes of which
/// are valid.
///
/// Loads and stores are relaxed: the cursor published after a store, or read before a load, is
/// what orders them. A hostile peer can thus make us read nonsense, never cause a data race.
pub trait Slot: sealed::Sealed {
    /// What passes through the slot.
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

/// A slot of the RX or the TX ring: [`Desc`], field by field.
#[repr(C)]
#[derive(Debug, Default)]
pub struct DescSlot {
    addr: AtomicU64,
    len: AtomicU32,
    options: AtomicU32,
}

static_assertions::assert_eq_size!(DescSlot, Desc);
static_assertions::assert_eq_align!(DescSlot, Desc);
static_assertions::const_assert_eq!(core::mem::offset_of!(DescSlot, len), 8);
static_assertions::const_assert_eq!(core::mem::offset_of!(DescSlot, options), 12);

impl Slot for DescSlot {
    type Value = Desc;

    #[inline]
    fn load(&self) -> Desc {
        Desc {
            addr: self.addr.load(Ordering::Relaxed),
            len: self.len.load(Ordering::Relaxed),
            options: self.options.load(Ordering::Relaxed),
        }
    }

    #[inline]
    fn store(&self, value: Desc) {
        self.addr.store(value.addr, Ordering::Relaxed);
        self.len.store(value.len, Ordering::Relaxed);
        self.options.store(value.options, Ordering::Relaxed);
    }
}

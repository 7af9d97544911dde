//! The four rings, as pure state machines over raw memory.
//!
//! A ring is two cursors, a flags word and a power-of-two array of slots, shared with a peer.
//! [`Producer`] and [`Consumer`] hold the only copies of *our* cursors that count: the shared words
//! are read to learn of the peer's progress, or written to publish ours. A word with an impossible
//! value counts as no progress.
//!
//! | role | we | slots | what passes |
//! | --- | --- | --- | --- |
//! | [`FillRing`] | produce | `u64` | empty frames to the kernel |
//! | [`RxRing`] | consume | [`Desc`](crate::abi::Desc) | received packets to us |
//! | [`TxRing`] | produce | [`Desc`](crate::abi::Desc) | packets to send to the kernel |
//! | [`CompletionRing`] | consume | `u64` | sent frames back to us |
//!
//! The rings pass numbers. The owner of the frame behind a number is settled one layer up, in
//! [`umem`](crate::umem) and [`socket`](crate::socket).

mod consumer;
mod cursor;
mod free_slots;
mod memory;
mod producer;
mod role;
mod size;
mod slot;

pub use consumer::{Consumer, Drain};
pub use cursor::Cursor;
pub use free_slots::{FreeSlots, Full};
pub use memory::{LayoutError, RingMemory};
pub use producer::Producer;
pub use role::{CompletionRing, FillRing, RxRing, TxRing};
pub use size::{RingSize, RingSizeError};
pub use slot::{AddressSlot, DescSlot, Slot};

/// The atomics of the rings: loom's in its tests.
mod sync {
    #[cfg(not(loom))]
    pub(super) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
    #[cfg(loom)]
    pub(super) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
}

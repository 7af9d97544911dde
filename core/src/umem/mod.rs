//! UMEM: one region cut into frames, each with exactly one owner.
//!
//! [`Umem`] is the region with its book-keeping, [`FrameSlot`]s the memory of that book-keeping,
//! [`Frame`] the token that *is* the ownership of a frame by the program. A ledger records which
//! frames the kernel has, and by which socket. Every frame that the kernel returns is looked up
//! there first, so a descriptor that is out of bounds, stale, doubled or another socket's never
//! becomes a token.

mod census;
mod descriptor;
mod entry;
mod frame;
mod ledger;
mod memory;
mod pool;
mod region;
mod size;
mod stash;

pub use census::Census;
pub(crate) use entry::{OnFillRing, SocketNumber};
pub use frame::{Frame, RangeError};
pub use ledger::FrameSlot;
pub use memory::Memory;
pub(crate) use pool::Pool;
pub use region::{Umem, UmemError};
pub use size::{FrameSize, FrameSizeError};

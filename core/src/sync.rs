//! The atomics of the rings, in one place.

pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

//! The atomics of the rings, in one place, so that a model checker can stand in for them.

pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

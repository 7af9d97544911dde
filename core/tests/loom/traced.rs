//! Memory that is accessed without atomics: loom fails if two accesses are not ordered.
#![allow(unsafe_code)]

use loom::cell::UnsafeCell;

/// Stands for plain memory behind a ring: a frame's bytes, or a slot as the kernel reads it.
#[derive(Debug, Default)]
pub(crate) struct Traced(UnsafeCell<()>);

// SAFETY: bounds, alignment, lifetime: nothing is stored, and no pointer is followed; aliasing:
// that's what loom checks.
unsafe impl Sync for Traced {}

impl Traced {
    /// A plain read.
    pub(crate) fn read(&self) {
        self.0.with(|_| ());
    }

    /// A plain write.
    pub(crate) fn write(&self) {
        self.0.with_mut(|_| ());
    }
}

//! The producing end of a ring takes nothing off it.

use xskit_core::ring::FillRing;

fn steal(ring: &mut FillRing<'_>) -> Option<u64> {
    ring.pop()
}

fn main() {}

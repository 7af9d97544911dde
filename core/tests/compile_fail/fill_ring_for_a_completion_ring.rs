//! A fill ring can't be mistaken for a completion ring, though both hold addresses.

use xskit_core::ring::{CompletionRing, FillRing};

fn reap(ring: &mut CompletionRing<'_>) -> Option<u64> {
    ring.pop()
}

fn mistake(ring: &mut FillRing<'_>) -> Option<u64> {
    reap(ring)
}

fn main() {}

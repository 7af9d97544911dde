//! A fill ring takes addresses, not descriptors.

use xskit_core::abi::Desc;
use xskit_core::ring::FillRing;

fn push(ring: &mut FillRing<'_>, desc: Desc) {
    let _ = ring.push(desc);
}

fn main() {}

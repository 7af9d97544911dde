//! A frame can't be put together from parts.

use xskit_core::umem::Frame;

fn forge<'u>() -> Frame<'u> {
    Frame {
        index: unreachable!(),
    }
}

fn main() {}

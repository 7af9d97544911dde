//! There is no frame out of nothing.

use xskit_core::umem::Frame;

fn forge<'u>() -> Frame<'u> {
    Default::default()
}

fn main() {}

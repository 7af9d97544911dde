//! A frame can't be copied out from behind a reference.

use xskit_core::umem::Frame;

fn copy<'u>(frame: &Frame<'u>) -> Frame<'u> {
    *frame
}

fn main() {}

//! A frame can't be made to name another one.

use xskit_core::umem::Frame;

fn rename(frame: &mut Frame<'_>) {
    frame.index = 7;
}

fn main() {}

//! A frame can't be cloned.

use xskit_core::umem::Frame;

fn must_be_clone<T: Clone>(_: T) {}

fn clone(frame: Frame<'_>) {
    must_be_clone(frame);
}

fn main() {}

//! To bring memory for a UMEM takes `unsafe`: the kernel will write there.

use std::ptr::NonNull;

use xskit_core::umem::Memory;

struct Borrowed<'a>(&'a mut [u8]);

impl Memory for Borrowed<'_> {
    fn region(&self) -> NonNull<[u8]> {
        NonNull::from(&*self.0)
    }
}

fn main() {}

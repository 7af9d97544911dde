//! What a half looks at can't be moved to another socket: rings would outlive their mappings.

use std::mem;

use xskit_core::{Backend, Socket};

fn swap<'u, B: Backend>(one: &mut Socket<'u, B>, other: &mut Socket<'u, B>) {
    let (one, _) = one.halves();
    let (other, _) = other.halves();
    mem::swap(one.0, other.0);
}

fn main() {}

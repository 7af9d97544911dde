//! What AddressSanitizer is there to find, done on purpose: the first argument says which.

use std::hint::black_box;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("overflow") => overflow(),
        Some("leak") => leak(),
        other => panic!("overflow or leak, not {other:?}"),
    }
}

/// Reads the byte after an allocation.
fn overflow() {
    let bytes = vec![0u8; black_box(64)];
    // SAFETY: none. The address is out of bounds, which is the point.
    let byte = unsafe { bytes.as_ptr().add(black_box(64)).read() };
    println!("read {byte}, and nobody minded");
}

/// Forgets the only pointer to an allocation, and clears the stack of it.
fn leak() {
    fn forget() {
        black_box(Box::leak(Box::new([0u8; 1000])));
    }
    forget();
    black_box([0u8; 4096]);
}

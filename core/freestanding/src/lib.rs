//! Every function that a program may call per packet, exported under a second name, so that the
//! optimiser knows nothing about its arguments. A panic would call an undefined function: unless
//! the optimiser rules out every panic, this does not link.
#![no_std]
// Rust's own calling convention is enough to keep an exported function.
#![allow(improper_ctypes_definitions)]

pub mod intrinsics;
pub mod rings;
pub mod sockets;
pub mod stub;
pub mod wires;

#[cfg(feature = "with-alloc")]
extern crate alloc;

use core::panic::PanicInfo;

unsafe extern "C" {
    /// Undefined, on purpose.
    fn the_hot_path_can_panic() -> !;
}

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    // SAFETY: never linked, so never called.
    unsafe { the_hot_path_can_panic() }
}

/// A panic, which must be refused.
#[cfg(feature = "with-panic")]
#[unsafe(no_mangle)]
pub fn index(packet: &[u8], at: usize) -> u8 {
    packet[at]
}

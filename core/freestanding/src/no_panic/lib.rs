//! Every function that a program may call for a packet, once more under a name that is exported, so
//! that nothing is known of its arguments. A panic would call a function that isn't anywhere: if the
//! optimiser can't rule all of them out, this doesn't link, and the linker says from where.
#![no_std]
// Rust's own calling convention is enough to keep a function.
#![allow(improper_ctypes_definitions)]

#[path = "../area.rs"]
pub mod area;
#[path = "../intrinsics.rs"]
pub mod intrinsics;
#[path = "../loopback.rs"]
pub mod loopback;
pub mod rings;
pub mod sockets;
pub mod wires;

use core::panic::PanicInfo;

unsafe extern "C" {
    /// Not defined, on purpose.
    fn the_hot_path_can_panic() -> !;
}

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    // SAFETY: never linked, so never called.
    unsafe { the_hot_path_can_panic() }
}

/// What must be refused.
#[cfg(feature = "with-panic")]
#[unsafe(no_mangle)]
pub fn index(packet: &[u8], at: usize) -> u8 {
    packet[at]
}

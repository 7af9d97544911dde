//! Core and wire with nothing below them: no std, no allocator, no libc. The program runs a socket
//! over a kernel of a few lines, and exits with the number of the part that failed.
#![no_std]
#![no_main]

#[path = "../area.rs"]
mod area;
#[path = "../intrinsics.rs"]
mod intrinsics;
#[path = "../loopback.rs"]
mod loopback;
mod rings;
mod sockets;
mod start;
mod texts;
mod wires;

#[cfg(feature = "with-alloc")]
extern crate alloc;

use core::panic::PanicInfo;

/// The parts, in the order of their exit codes, from 1 on.
const PARTS: [fn() -> Option<()>; 4] = [rings::run, sockets::run, wires::run, texts::run];
/// The exit code after a panic.
const PANICKED: i32 = 101;

fn main() -> i32 {
    #[cfg(feature = "with-alloc")]
    drop(alloc::boxed::Box::new(start::exit as *const ()));
    for (part, code) in PARTS.iter().zip(1..) {
        if part().is_none() {
            return code;
        }
    }
    0
}

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    start::exit(PANICKED)
}

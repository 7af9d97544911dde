//! The program's start and its end, which libc provides elsewhere.

use core::arch::{asm, global_asm};

// The stack is aligned to 16 bytes at the entry of a process, as the ABI requires for a call.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl _start",
    "_start:",
    "xor %ebp, %ebp",
    "call {run}",
    run = sym run,
    options(att_syntax)
);
#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x29, #0", "bl {run}", run = sym run);

extern "C" fn run() -> ! {
    exit(crate::main())
}

/// exit_group(2).
pub fn exit(code: i32) -> ! {
    // SAFETY: the call ends the process.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("syscall", in("rax") 231, in("rdi") code, options(noreturn))
    }
    // SAFETY: the call ends the process.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("svc #0", in("x8") 94, in("x0") i64::from(code), options(noreturn))
    }
}

//! The functions that compilers call implicitly, and that libc provides elsewhere. They work byte
//! by byte, since none is timed. Accesses are volatile: otherwise the compiler would recognise the
//! loops and call the very functions that they are in.

use core::ffi::{c_int, c_void};
use core::ptr::{read_volatile, write_volatile};

/// As memcpy(3).
///
/// # Safety
/// As memcpy(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcpy(to: *mut c_void, from: *const c_void, len: usize) -> *mut c_void {
    for at in 0..len {
        // SAFETY: inside both ranges, by the caller's promise.
        unsafe { copy_byte(to.cast(), from.cast(), at) }
    }
    to
}

/// As memmove(3).
///
/// # Safety
/// As memmove(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmove(to: *mut c_void, from: *const c_void, len: usize) -> *mut c_void {
    if to.addr() < from.addr() {
        // SAFETY: by the caller's promise. Upwards, each byte is read before it is overwritten.
        return unsafe { memcpy(to, from, len) };
    }
    for at in (0..len).rev() {
        // SAFETY: as above, for the downward direction.
        unsafe { copy_byte(to.cast(), from.cast(), at) }
    }
    to
}

/// As memset(3).
///
/// # Safety
/// As memset(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memset(to: *mut c_void, byte: c_int, len: usize) -> *mut c_void {
    for at in 0..len {
        // SAFETY: inside the range, by the caller's promise.
        unsafe { write_volatile(to.cast::<u8>().add(at), byte as u8) }
    }
    to
}

/// As memcmp(3).
///
/// # Safety
/// As memcmp(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcmp(one: *const c_void, other: *const c_void, len: usize) -> c_int {
    for at in 0..len {
        // SAFETY: inside both ranges, by the caller's promise.
        let bytes = unsafe {
            (
                read_volatile(one.cast::<u8>().add(at)),
                read_volatile(other.cast::<u8>().add(at)),
            )
        };
        if bytes.0 != bytes.1 {
            return c_int::from(bytes.0) - c_int::from(bytes.1);
        }
    }
    0
}

/// As bcmp(3).
///
/// # Safety
/// As bcmp(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bcmp(one: *const c_void, other: *const c_void, len: usize) -> c_int {
    // SAFETY: the same promise.
    unsafe { memcmp(one, other, len) }
}

/// # Safety
/// `at` must be inside both ranges.
unsafe fn copy_byte(to: *mut u8, from: *const u8, at: usize) {
    // SAFETY: by the caller's promise.
    unsafe { write_volatile(to.add(at), read_volatile(from.add(at))) }
}

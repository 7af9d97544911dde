//! Socket options that rustix has no call for.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, OwnedFd};

use rustix::io::{Errno, Result};

/// `setsockopt(2)` of an option that is one `int`.
///
/// # Errors
/// What the call returned.
pub(crate) fn set(socket: &OwnedFd, level: i32, name: i32, value: u32) -> Result<()> {
    let (value, len_bytes) = (&raw const value, size_of::<u32>() as libc::socklen_t);
    // SAFETY: the kernel reads `len_bytes` bytes at `value`, an aligned local that outlives the
    // call and that nothing writes meanwhile.
    let failed =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value.cast(), len_bytes) };
    if failed == 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
}

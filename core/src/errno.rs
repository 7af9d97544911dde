//! The kernel's error numbers, without an operating system to name them.

use core::fmt;

/// An error number as the kernel returned it, positive (`errno(3)`, `asm-generic/errno.h`).
///
/// The constants are the numbers that AF_XDP set-up and kicks are known to return; every other
/// value is carried and printed as it is.
///
/// ```
/// use xskit_core::Errno;
///
/// assert_eq!(Errno(16).to_string(), "EBUSY (16)");
/// assert!(Errno::EAGAIN.is_transient() && !Errno::EINVAL.is_transient());
/// println!("{}", Errno::ENXIO.kick_hint().unwrap_or("")); // what it means there, and what to try
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub struct Errno(pub i32);

macro_rules! errnos {
    ($($name:ident = $value:literal, $text:literal;)*) => {
        impl Errno {
            $(#[doc = $text] pub const $name: Self = Self($value);)*

            /// The symbolic name, for the numbers that this module knows.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    EPERM = 1, "Operation not permitted.";
    EINTR = 4, "Interrupted by a signal.";
    ENXIO = 6, "No such device or address.";
    EBADF = 9, "No open descriptor, or one of another backend.";
    EAGAIN = 11, "Try again: more is left to do.";
    ENOMEM = 12, "Out of memory.";
    EACCES = 13, "Permission denied, or a value out of the allowed range.";
    EBUSY = 16, "The resource is taken.";
    ENODEV = 19, "No such device.";
    EINVAL = 22, "Invalid argument.";
    EMFILE = 24, "Too many open files in this process.";
    ENOSYS = 38, "The kernel has no such call.";
    ENOPROTOOPT = 92, "The kernel has no such socket option.";
    EOPNOTSUPP = 95, "Not supported by this device or driver.";
    EAFNOSUPPORT = 97, "The kernel has no such address family.";
    ENETDOWN = 100, "The interface is down.";
    ENOBUFS = 105, "Out of buffers or of lockable memory.";
}

impl Errno {
    /// Whether a kick that returned this is only to be repeated: the work stays queued.
    ///
    /// EAGAIN (more descriptors than one call takes), EBUSY, ENOBUFS and ENETDOWN are states of
    /// the device; EINTR is a signal.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::EAGAIN | Self::EBUSY | Self::ENOBUFS | Self::ENETDOWN | Self::EINTR
        )
    }

    /// What this means when a kick or a wait on a bound socket returns it, and what to try. `None`
    /// for numbers that AF_XDP is not known to return there.
    ///
    /// Each driver chooses its own numbers (`ndo_xsk_wakeup`), so some have more than one meaning.
    #[must_use]
    pub const fn kick_hint(self) -> Option<&'static str> {
        match self {
            Self::EINVAL => Some(
                "the driver sends by zero-copy only while an XDP program is on the interface (igb, \
                 ixgbe, stmmac, gve), or the queue is no longer active: attach a program, which may \
                 pass every packet, open the socket in copy mode, or see `ethtool -l`",
            ),
            Self::ENXIO => Some(
                "the socket is no longer bound, since its interface was removed, or the driver sends by \
                 zero-copy only while an XDP program is on the interface (igc): attach a program, \
                 which may pass every packet, or open the socket in copy mode",
            ),
            Self::ENETDOWN => Some(
                "the interface was removed, or is down or being reset: see `ip link`, and open the \
                 socket again once it is up",
            ),
            Self::EAGAIN | Self::EBUSY => {
                Some("the driver is busy, or being configured: kick again later")
            }
            Self::EOPNOTSUPP => {
                Some("the driver cannot be woken for this queue: open the socket in copy mode")
            }
            Self::ENOBUFS | Self::ENOMEM => Some("the kernel is out of memory: try again later"),
            _ => None,
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The standard library's error of the same number (feature `std`), for functions that return
/// [`std::io::Result`].
///
/// ```
/// use std::io;
/// use std::time::Duration;
/// use xskit_core::backend::{Backend, Interest};
/// use xskit_core::Socket;
///
/// fn has_packets<B: Backend>(socket: &mut Socket<'_, B>) -> io::Result<bool> {
///     // Once the interface is gone: ENETDOWN, which is `io::ErrorKind::NetworkDown`.
///     Ok(socket.wait(Interest::RECEIVE, Some(Duration::from_secs(1)))?)
/// }
/// ```
#[cfg(feature = "std")]
impl From<Errno> for std::io::Error {
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.0)
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::Errno;

    #[test]
    fn an_io_error_has_the_number_and_its_kind() {
        for (errno, kind) in [
            (Errno::EPERM, ErrorKind::PermissionDenied),
            (Errno::EINTR, ErrorKind::Interrupted),
            (Errno::EAGAIN, ErrorKind::WouldBlock),
            (Errno::ENOMEM, ErrorKind::OutOfMemory),
            (Errno::EBUSY, ErrorKind::ResourceBusy),
            (Errno::EINVAL, ErrorKind::InvalidInput),
            (Errno::EOPNOTSUPP, ErrorKind::Unsupported),
            (Errno::ENETDOWN, ErrorKind::NetworkDown),
        ] {
            let error = Error::from(errno);
            assert_eq!((error.raw_os_error(), error.kind()), (Some(errno.0), kind));
        }
    }
}

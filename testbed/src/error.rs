//! The errors of a test bed, one variant per cause. Each text says what to try.

use std::io;
use std::time::Duration;

use rustix::io::Errno;

/// The result of this crate's calls.
pub type Result<T> = std::result::Result<T, Error>;

/// What failed, where, and what to try.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call or a netlink request failed.
    #[error(transparent)]
    Network(#[from] xskit_net::Error),

    /// The kernel has no veth driver.
    #[error(
        "this kernel cannot make veth pairs: {errno}; load the module (modprobe veth), or use a kernel with CONFIG_VETH"
    )]
    NoVeth {
        /// What the kernel answered.
        errno: Errno,
    },

    /// The kernel has no IPv6, or it is switched off.
    #[error(
        "IPv6 address refused on {interface}: {errno}; IPv6 is switched off here (sysctl net.ipv6.conf.*.disable_ipv6, or ipv6.disable=1 on the kernel's command line): leave out the IPv6 addresses, or switch it on"
    )]
    Ipv6Disabled {
        /// The interface's name.
        interface: String,
        /// What the kernel answered.
        errno: Errno,
    },

    /// `XSKIT_CARDS` does not name two cards.
    #[error(
        "XSKIT_CARDS is {value:?}; it takes the Ethernet addresses of two interfaces, such as 02:00:00:00:00:01,02:00:00:00:00:02"
    )]
    CardsMalformed {
        /// What it is.
        value: String,
    },

    /// A card that `XSKIT_CARDS` names is not in this network namespace.
    #[error(
        "no interface here has the Ethernet address {mac} that XSKIT_CARDS names, after {} s; see ip link: it may be in another network namespace",
        timeout.as_secs_f64()
    )]
    NoCard {
        /// The address that was looked for.
        mac: String,
        /// How long was waited.
        timeout: Duration,
    },

    /// The two ends of a new pair of hosts did not become operational.
    #[error("interface {interface} of a new pair of hosts did not become operational within {} s", timeout.as_secs_f64())]
    PairNotUp {
        /// The interface's name.
        interface: String,
        /// How long was waited.
        timeout: Duration,
    },
}

impl Error {
    /// A system call that failed with `errno`; EPERM becomes the name of the capability that is
    /// missing.
    pub(crate) fn call(
        call: &'static str,
        capability: &'static str,
        purpose: &str,
        errno: Errno,
    ) -> Self {
        xskit_net::Error::call(call, capability, purpose, errno).into()
    }

    /// A call that needs no capability; EIO for the few errors without an errno.
    pub(crate) fn failed(call: &'static str, purpose: &str, error: &io::Error) -> Self {
        let call = xskit_net::Error::Call {
            call,
            purpose: purpose.to_owned(),
            errno: Errno::from_io_error(error).unwrap_or(Errno::IO),
        };
        call.into()
    }
}

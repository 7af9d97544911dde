//! An interface, by name or index.

use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use xskit_core::Errno;

use crate::error::OpenError;

/// The name or the index of an interface, in the network namespace of the calling thread.
///
/// ```
/// use xskit::Interface;
///
/// assert_eq!(Interface::from("eth1"), Interface::Name("eth1".to_owned()));
/// assert_eq!(Interface::from(2), Interface::Index(2));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interface {
    /// As `ip link` names it.
    Name(String),
    /// As `ip link` numbers it, from 1.
    Index(u32),
}

impl From<&str> for Interface {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<&String> for Interface {
    fn from(name: &String) -> Self {
        Self::Name(name.clone())
    }
}

impl From<String> for Interface {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl From<u32> for Interface {
    fn from(index: u32) -> Self {
        Self::Index(index)
    }
}

impl Interface {
    pub(crate) fn index(&self) -> Result<u32, OpenError> {
        let name = match self {
            Self::Index(index) => return Ok(*index),
            Self::Name(name) => name,
        };
        let flags = SocketFlags::CLOEXEC;
        socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)
            .and_then(|any| name_to_index(any, name))
            .map_err(|errno| OpenError::Interface {
                name: name.clone(),
                errno: Errno(errno.raw_os_error()),
            })
    }
}

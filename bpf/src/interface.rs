//! An interface by its index, with its name for error texts.

use std::fmt;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};

use crate::Error;

/// An interface of the calling thread's network namespace, as it was when looked up.
#[derive(Debug, Clone)]
pub(crate) struct Interface {
    pub(crate) index: u32,
    name: String,
}

impl Interface {
    /// `ioctl(SIOCGIFNAME)`: looks up the name.
    pub(crate) fn find(index: u32) -> Result<Self, Error> {
        // Any socket of the namespace will do, and Unix sockets are never compiled out.
        let name = socket_with(
            AddressFamily::UNIX,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .and_then(|socket| netdevice::index_to_name(socket, index));
        match name {
            Ok(name) => Ok(Self { index, name }),
            Err(Errno::NODEV) => Err(Error::NoInterface { ifindex: index }),
            Err(errno) => Err(Error::FindInterface {
                ifindex: index,
                source: errno.into(),
            }),
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

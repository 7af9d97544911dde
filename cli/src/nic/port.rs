//! A UDP port, held by a kernel socket so that no other program gets it.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};

use anyhow::anyhow;

/// A kernel socket that holds the port: no other program gets it, and the kernel doesn't answer
/// "port unreachable" to packets that the XDP program passes. It is never read from.
pub(crate) fn hold(address: SocketAddr) -> anyhow::Result<UdpSocket> {
    UdpSocket::bind(address).map_err(|error| refused(address, &error))
}

/// The error of a port that can't be bound.
pub(crate) fn refused(address: SocketAddr, error: &io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        ErrorKind::AddrInUse => {
            "; another program has the port: stop it (`ss -lunp` shows which), or choose another \
             port"
        }
        ErrorKind::PermissionDenied => {
            "; a port this low needs CAP_NET_BIND_SERVICE: run as root, grant it, or choose a \
             higher port"
        }
        ErrorKind::AddrNotAvailable => {
            "; no interface has this address: `ip address` lists the host's"
        }
        ErrorKind::InvalidInput => "; a link-local address needs its zone: [fe80::1%eth1]:443",
        _ => "",
    };
    anyhow!("bind(2) to UDP {address}: {error}{hint}")
}

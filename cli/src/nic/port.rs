//! A UDP port, held so that no other program gets it.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};

use anyhow::anyhow;

/// A kernel socket that holds the port: nobody else gets it, and the kernel doesn't answer
/// "port unreachable" to what the XDP program passes on. Nothing is ever read from it.
pub(crate) fn hold(address: SocketAddr) -> anyhow::Result<UdpSocket> {
    UdpSocket::bind(address).map_err(|error| refused(address, &error))
}

/// Why a port can't be had.
pub(crate) fn refused(address: SocketAddr, error: &io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        ErrorKind::AddrInUse => {
            "; another program has the port: end it (`ss -lunp` lists who has which), or choose \
             another"
        }
        ErrorKind::PermissionDenied => {
            "; ports this low need CAP_NET_BIND_SERVICE: run as root, grant it, or choose a \
             higher one"
        }
        ErrorKind::AddrNotAvailable => {
            "; no interface has this address: `ip address` lists those that there are"
        }
        ErrorKind::InvalidInput => "; a link-local address needs its zone: [fe80::1%eth1]:443",
        _ => "",
    };
    anyhow!("bind(2) to UDP {address}: {error}{hint}")
}

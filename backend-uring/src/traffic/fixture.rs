//! The fixture of unit tests: a ring, and a pair of sockets that need no privilege.

use std::os::unix::net::UnixDatagram;

use xskit_rustix::RustixBackend;

use super::Traffic;
use crate::config::UringConfig;
use crate::probe;
use crate::socket::UringSocket;

/// A ring, a socket of its backend, and that socket's peer. Without io_uring there is none, and the
/// test counts as skipped.
pub(crate) fn open() -> Option<(Traffic, UringSocket, UnixDatagram)> {
    open_by(&UringConfig::default())
}

/// The same, with this configuration.
pub(crate) fn open_by(config: &UringConfig) -> Option<(Traffic, UringSocket, UnixDatagram)> {
    let ring = match probe::ring(config) {
        Ok(ring) => ring,
        Err(error) => {
            println!("skipped: needs io_uring: {error}");
            return None;
        }
    };
    let mut traffic = Traffic::new(ring, RustixBackend::new());
    let (socket, peer) = pair(&mut traffic);
    Some((traffic, socket, peer))
}

/// One more socket of the backend, and its peer, which doesn't wait.
pub(crate) fn pair(traffic: &mut Traffic) -> (UringSocket, UnixDatagram) {
    let (ours, peer) = UnixDatagram::pair().expect("two sockets");
    peer.set_nonblocking(true).expect("non-blocking");
    (traffic.accounts.adopt(ours.into()), peer)
}

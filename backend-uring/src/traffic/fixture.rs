//! What unit tests stand on: a ring, and a pair of sockets that need no privilege.

use std::os::unix::net::UnixDatagram;

use xskit_rustix::RustixBackend;

use super::Traffic;
use crate::config::UringConfig;
use crate::probe;
use crate::socket::UringSocket;

/// A ring, a socket of its backend, and the other end of it. Without io_uring none, and the test is
/// counted as skipped.
pub(crate) fn open() -> Option<(Traffic, UringSocket, UnixDatagram)> {
    open_by(&UringConfig::default())
}

/// The same, with such a ring.
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

/// One more socket of the backend, and its other end, which doesn't wait.
pub(crate) fn pair(traffic: &mut Traffic) -> (UringSocket, UnixDatagram) {
    let (ours, peer) = UnixDatagram::pair().expect("two sockets");
    peer.set_nonblocking(true).expect("non-blocking");
    (traffic.accounts.adopt(ours.into()), peer)
}

//! `Failure`: why a connection failed, for the log.

use quiche::h3;

/// What made a connection fail.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Failure {
    /// A datagram said what it must not.
    #[error("the client broke the protocol: {0}")]
    Violation(quiche::Error),
    /// The handshake was done, and then HTTP/3 could not begin.
    #[error("HTTP/3 can't start: {0}")]
    Http(h3::Error),
    /// There was something to send, and it could not be written.
    #[error("the connection can't send: {0}")]
    Send(quiche::Error),
}

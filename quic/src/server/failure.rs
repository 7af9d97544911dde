//! `Failure`: why a connection failed, for the log.

/// What made a connection fail.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Failure {
    /// A datagram said what it must not.
    #[error("the client broke the protocol: {0}")]
    Violation(quiche::Error),
    /// The handshake was done, and then the application's protocol could not begin.
    #[error("the application's protocol can't begin: {0}")]
    Begin(&'static str),
    /// There was something to send, and it could not be written.
    #[error("the connection can't send: {0}")]
    Send(quiche::Error),
}

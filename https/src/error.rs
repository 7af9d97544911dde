//! What keeps a server from serving.

use std::io;

use xskit_quic::SetupError;

/// A server can't be set up, or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpsError {
    /// The certificate can't be brought into the form that rustls takes.
    #[error(transparent)]
    Identity(#[from] SetupError),
    /// rustls refuses the certificate or its key.
    #[error("TLS over TCP: {0} (rustls takes keys of RSA, P-256, P-384 and Ed25519)")]
    Tls(#[from] rustls::Error),
    /// The listener can't be used, or the runtime has no epoll(7) or io_uring(7).
    #[error("{call} for TCP: {source}")]
    Io {
        /// What was called.
        call: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

pub(crate) fn failed(call: &'static str) -> impl FnOnce(io::Error) -> HttpsError {
    move |source| HttpsError::Io { call, source }
}

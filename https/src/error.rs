//! `HttpsError`: why a server can't be set up, or can't continue.

use std::io;

use xskit_quic::SetupError;

/// A server can't be set up, or can't continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpsError {
    /// The certificate or its key can't be converted for rustls.
    #[error(transparent)]
    Identity(#[from] SetupError),
    /// rustls refused the certificate or its key.
    #[error("TLS over TCP: {0} (rustls takes keys of RSA, P-256, P-384 and Ed25519)")]
    Tls(#[from] rustls::Error),
    /// A system call for the listener failed, or the runtime has no epoll(7) or io_uring(7).
    #[error("{call} for TCP: {source}")]
    Io {
        /// The system call.
        call: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

pub(crate) fn failed(call: &'static str) -> impl FnOnce(io::Error) -> HttpsError {
    move |source| HttpsError::Io { call, source }
}

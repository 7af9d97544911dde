//! `SetupError`: why an endpoint could not be set up.

use crate::files::RootError;
use crate::identity::IdentityError;
use crate::server::ConnectionIdError;

/// A server or client can't be set up from its configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The UDP payload size is outside QUIC's range.
    #[error(
        "a UDP payload of {bytes} bytes is not possible: QUIC needs 1200 to 16383; \
         set it from the interface's MTU (an MTU of 1500 gives 1472 over IPv4, 1452 over IPv6)"
    )]
    UdpPayload {
        /// The size asked for.
        bytes: usize,
    },
    /// The certificate or its key can't be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The format of connection ids can't be used.
    #[error(transparent)]
    ConnectionId(#[from] ConnectionIdError),
    /// The directory to serve can't be used.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The file of trusted certificates can't be read.
    #[error(
        "can't read the trusted certificates in {path}: {source}; name a readable file of PEM certificates"
    )]
    TrustFile {
        /// The file.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The trusted certificates are not PEM, or there are none.
    #[error(
        "no certificate found in {what}: it must hold at least one PEM block \
         \"-----BEGIN CERTIFICATE-----\""
    )]
    TrustPem {
        /// Where they came from.
        what: String,
    },
    /// A key log or the qlog directory can't be opened.
    #[error(
        "can't open {what} {path}: {source}; check that the directory exists and that this user may write to it"
    )]
    Diagnostics {
        /// Which of them.
        what: &'static str,
        /// Its path.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The server's name is neither a host name nor an address.
    #[error(
        "{name:?} is neither a host name nor an IP address, so no certificate can be checked against it"
    )]
    ServerName {
        /// The name given.
        name: String,
    },
    /// The TLS library refused a setting.
    #[error("the TLS library refused {step}: {source}")]
    Tls {
        /// What was being set.
        step: &'static str,
        /// BoringSSL's own error.
        source: boring::error::ErrorStack,
    },
    /// quiche refused a setting.
    #[error("the QUIC library refused the configuration: {0}")]
    Quic(#[from] quiche::Error),
    /// quiche refused an HTTP/3 setting.
    #[error("the HTTP/3 library refused the configuration: {0}")]
    Http(#[from] quiche::h3::Error),
}

impl SetupError {
    pub(crate) fn diagnostics<E: Into<std::io::Error>>(
        what: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::Diagnostics {
            what,
            path: path.to_owned(),
            source: source.into(),
        }
    }
}

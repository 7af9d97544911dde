//! `connect`: a new quiche connection, and the check of the server's name.

use std::net::SocketAddr;

use boring::x509::verify::{X509CheckFlags, X509VerifyFlags};
use quiche::{ConnectionId, h3};

use super::config::{ClientConfig, Name, Trust};
use crate::error::SetupError;
use crate::quic::QuicConnection;

/// Length in bytes of our connection ids.
pub(super) const LOCAL_CID_BYTES: usize = 8;

/// Makes a quiche connection that checks the certificate against the configured name.
///
/// quiche checks a host name, and sends it as SNI. An IP address must not be in SNI (RFC 6066,
/// section 3): quiche is then given no name, and BoringSSL compares the address with those of the
/// certificate. Only the subject alternative names count, not the common name (RFC 9525, section
/// 2).
pub(super) fn connect(
    config: &ClientConfig,
    protocols: &[&[u8]],
    local: SocketAddr,
    peer: SocketAddr,
) -> Result<QuicConnection, SetupError> {
    let name = config.name()?;
    let tls = config.tls_context()?;
    let version = quiche::PROTOCOL_VERSION;
    let mut quic_config = quiche::Config::with_boring_ssl_ctx_builder(version, tls)?;
    quic_config.verify_peer(!matches!(config.trust, Trust::Anyone));
    quic_config.set_application_protos(protocols)?;
    config.transport.apply(&mut quic_config)?;
    if protocols == h3::APPLICATION_PROTOCOL {
        // A server opens none (RFC 9114, section 6.1), and nobody would read them.
        quic_config.set_initial_max_streams_bidi(0);
    }
    config.diagnostics.prepare(&mut quic_config);
    let ticket = config.ticket.as_ref();
    let session = ticket.and_then(|ticket| ticket.session(config.whom()));
    if session.is_some() && config.early_data {
        quic_config.enable_early_data();
    }
    let mut id = [0; LOCAL_CID_BYTES];
    boring::rand::rand_bytes(&mut id).map_err(|_| quiche::Error::CryptoFail)?;
    let id = ConnectionId::from_ref(&id);
    let host = match name {
        Name::Host(host) => Some(host),
        Name::Address(_) => None,
    };
    let mut quic: QuicConnection =
        quiche::connect_with_buffer_factory(host, &id, local, peer, &mut quic_config)?;
    let verify = quic.as_mut().verify_param_mut();
    verify.set_hostflags(X509CheckFlags::NEVER_CHECK_SUBJECT);
    if let Name::Address(address) = name {
        let step = "the server's address";
        let tls = |source| SetupError::Tls { step, source };
        verify.set_ip(address).map_err(tls)?;
    }
    if matches!(config.trust, Trust::File(_) | Trust::Pem(_)) {
        // A certificate that the user named is trusted as it is, even if it is the server's own.
        let step = "the trust in a single certificate";
        let tls = |source| SetupError::Tls { step, source };
        let flags = X509VerifyFlags::PARTIAL_CHAIN;
        verify.try_set_flags(flags).map_err(tls)?;
    }
    let original = quic.destination_id().into_owned();
    if let Err(error) = config.diagnostics.begin(&mut quic, &original) {
        tracing::warn!(%error, "this connection has no qlog");
    }
    if let Some(Err(error)) = session.map(|session| quic.set_session(session)) {
        tracing::debug!(%error, "the ticket can't be used");
    }
    Ok(quic)
}

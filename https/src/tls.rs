//! The QUIC server's identity, as rustls takes it.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use xskit_quic::Identity;

use crate::error::HttpsError;

/// By ALPN, the most wanted first (RFC 9113, section 3.2; RFC 7301, section 6).
pub(crate) const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// TLS 1.3, and 1.2 for those who have no other.
pub(crate) fn config(identity: &Identity) -> Result<Arc<ServerConfig>, HttpsError> {
    let chain = identity.chain_der()?.into_iter().map(CertificateDer::from);
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key_der()?));
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain.collect(), key)?;
    config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    Ok(Arc::new(config))
}

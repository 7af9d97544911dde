//! A peer: quinn, with h3 for HTTP/3, as a client and as a server.

mod client;
mod server;

use std::sync::Arc;

use anyhow::Context;
use quinn::TransportConfig;
use quinn::rustls::crypto::CryptoProvider;
use rustls::CipherSuite;
use rustls::crypto::ring::{cipher_suite, default_provider};

use crate::setting::{PATIENCE, Role, Setting};

/// Plays the role; nothing if this case can't be played.
pub(crate) fn run(setting: &Setting) -> anyhow::Result<Option<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match setting.role {
            Role::Client => client::run(setting).await,
            Role::Server => server::run(setting).await,
        }
    })
}

/// quinn's cipher suites: all, or only ChaCha20.
fn provider(only_chacha20: bool) -> Arc<CryptoProvider> {
    let mut provider = default_provider();
    if only_chacha20 {
        provider
            .cipher_suites
            .retain(|suite| suite.suite() == CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    }
    Arc::new(provider)
}

/// The same idle timeout as ours.
fn transport() -> anyhow::Result<Arc<TransportConfig>> {
    let mut config = TransportConfig::default();
    config.max_idle_timeout(Some(PATIENCE.try_into()?));
    Ok(Arc::new(config))
}

/// Initial packets use AES whatever is offered (RFC 9001, section 5.2).
fn initial_suite() -> anyhow::Result<rustls::quic::Suite> {
    cipher_suite::TLS13_AES_128_GCM_SHA256
        .tls13()
        .and_then(|suite| suite.quic_suite())
        .context("rustls has no AES for QUIC")
}

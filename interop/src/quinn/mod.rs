//! A peer: quinn with h3, as a client and as a server.

mod client;
// The tests use more of it.
#[allow(dead_code)]
mod http3;
mod server;

use std::sync::Arc;

use quinn::TransportConfig;

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

/// The same idle timeout as ours.
fn transport() -> anyhow::Result<Arc<TransportConfig>> {
    let mut config = TransportConfig::default();
    config.max_idle_timeout(Some(PATIENCE.try_into()?));
    Ok(Arc::new(config))
}

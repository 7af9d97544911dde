//! Our end, as a server and as a client, over the kernel's UDP.

mod client;
mod fetch;
mod hq;
mod server;

use std::path::Path;

use xskit_quic::{Diagnostics, KeyLog, QlogDirectory};

use crate::setting::{Role, Setting};

/// Plays the role; nothing if this case can't be played.
pub(crate) fn run(setting: &Setting) -> anyhow::Result<Option<()>> {
    match setting.role {
        Role::Server => server::run(setting),
        Role::Client => client::run(setting),
    }
}

fn diagnostics(setting: &Setting) -> anyhow::Result<Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let keylog = setting.keylog.as_deref().map(KeyLog::open);
    diagnostics.keylog = keylog.transpose()?;
    let open = |path: &Path| {
        std::fs::create_dir_all(path)?;
        anyhow::Ok(QlogDirectory::open(path)?)
    };
    diagnostics.qlog = setting.qlog.as_deref().map(open).transpose()?;
    Ok(diagnostics)
}

//! What `serve` and `get` write of their connections for whoever looks into them.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use xskit::quic::{Diagnostics, KeyLog};

use crate::credentials::is_within;
use crate::report;

/// Where browsers and curl are told of a key log, too.
const KEYLOG: &str = "SSLKEYLOGFILE";

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DiagnosticArgs {
    /// Write a qlog of each connection into this directory, into which the user that `serve` has become
    /// must be able to write; by default the one that QLOGDIR names. It is not bounded.
    #[cfg(feature = "qlog")]
    #[arg(long, value_name = "DIR")]
    qlog: Option<PathBuf>,
}

impl DiagnosticArgs {
    /// Opens what is to be written, none of it under what is `served`.
    pub(crate) fn open(&self, served: Option<&Path>) -> anyhow::Result<Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        if let Some(path) = variable(KEYLOG) {
            refuse_served(KEYLOG, &path, served)?;
            diagnostics.keylog = Some(KeyLog::open(&path)?);
            report::say(format_args!(
                "xskit: warning: {KEYLOG} is set: TLS secrets are appended to {}, by which all that is \
                 transferred can be read",
                path.display()
            ));
        }
        #[cfg(feature = "qlog")]
        if let Some(path) = self.qlog.clone().or_else(|| variable("QLOGDIR")) {
            refuse_served("--qlog", &path, served)?;
            diagnostics.qlog = Some(xskit::quic::QlogDirectory::open(&path)?);
        }
        Ok(diagnostics)
    }
}

/// A path that the environment names.
fn variable(name: &str) -> Option<PathBuf> {
    let path = env::var_os(name).filter(|path| !path.is_empty());
    path.map(PathBuf::from)
}

fn refuse_served(what: &str, path: &Path, served: Option<&Path>) -> anyhow::Result<()> {
    let Some(root) = served else {
        return Ok(());
    };
    // It need not be there yet; and if it is, it may be a link.
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    ensure!(
        !is_within(path, root) && !is_within(parent, root),
        "{what} {}: is under --root {}, so everybody could fetch it; move it elsewhere",
        path.display(),
        root.display()
    );
    Ok(())
}

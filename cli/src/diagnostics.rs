//! The diagnostics that `serve` and `get` write of their connections: key log and qlog.

use std::env;
use std::path::{Path, PathBuf};

use xskit::quic::{Diagnostics, KeyLog};

use crate::args::DiagnosticArgs;
use crate::report;
use crate::root;

/// The variable that browsers and curl read, too.
const KEYLOG: &str = "SSLKEYLOGFILE";

impl DiagnosticArgs {
    /// Opens the files to write.
    ///
    /// # Errors
    /// One can't be opened, or is under the directory that is `served`.
    pub(crate) fn open(&self, served: Option<&Path>) -> anyhow::Result<Diagnostics> {
        let guard = |option: &str, path: &Path| match served {
            Some(root) => root::refuse(option, path, root),
            None => Ok(()),
        };
        let mut diagnostics = Diagnostics::default();
        if let Some(path) = variable(KEYLOG) {
            guard(KEYLOG, &path)?;
            diagnostics.keylog = Some(KeyLog::open(&path)?);
            report::say(format_args!(
                "xskit: warning: {KEYLOG} is set: TLS secrets are appended to {}, which decrypt \
                 everything transferred",
                path.display()
            ));
        }
        #[cfg(feature = "qlog")]
        if let Some(path) = self.qlog.clone().or_else(|| variable("QLOGDIR")) {
            guard("--qlog", &path)?;
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

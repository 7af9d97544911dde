//! Options of what is written of connections for whoever looks into them.

#[cfg(feature = "qlog")]
use std::path::PathBuf;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DiagnosticArgs {
    /// Write a qlog of each connection into this directory, into which the user that `serve` has become
    /// must be able to write; by default the one that QLOGDIR names. It is not bounded.
    #[cfg(feature = "qlog")]
    #[arg(long, value_name = "DIR")]
    pub(crate) qlog: Option<PathBuf>,
}

//! Options of the diagnostics that `serve` and `get` write.

#[cfg(feature = "qlog")]
use std::path::PathBuf;

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Diagnostics")]
pub(crate) struct DiagnosticArgs {
    /// Write a qlog per connection into this directory; by default the one that QLOGDIR names. Its
    /// size is not limited. The user that `serve` becomes (--user) must be able to write there.
    #[cfg(feature = "qlog")]
    #[arg(long, value_name = "DIR")]
    pub(crate) qlog: Option<PathBuf>,
}

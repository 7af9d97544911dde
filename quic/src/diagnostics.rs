//! `Diagnostics`: what endpoints write for whoever looks into their connections.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, open};

use crate::error::SetupError;
#[cfg(feature = "qlog")]
use crate::qlog::QlogDirectory;
use crate::quic::QuicConnection;

/// What to write of each connection; by default nothing.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Diagnostics {
    /// The TLS secrets, by which captured packets can be read.
    pub keylog: Option<KeyLog>,
    /// What happens on the connection (qlog). A stranger's first packet is enough for a file.
    #[cfg(feature = "qlog")]
    pub qlog: Option<QlogDirectory>,
}

impl Diagnostics {
    /// Has new connections of this configuration tell their secrets, if they are wanted.
    pub(crate) fn prepare(&self, config: &mut quiche::Config) {
        if self.keylog.is_some() {
            config.log_keys();
        }
    }

    /// Begins to write of a new connection. `original` is the id that the client's first packet went to.
    /// Fails where the qlog's file can't be made.
    pub(crate) fn begin(&self, quic: &mut QuicConnection, original: &[u8]) -> io::Result<()> {
        if let Some(keylog) = &self.keylog {
            quic.set_keylog(Box::new(Arc::clone(&keylog.file)));
        }
        #[cfg(feature = "qlog")]
        if let Some(qlog) = &self.qlog {
            qlog.begin(quic, original)?;
        }
        #[cfg(not(feature = "qlog"))]
        let _ = original;
        Ok(())
    }
}

/// A file to which TLS secrets are appended, in the format of `SSLKEYLOGFILE` (RFC 9850), which Wireshark
/// reads. Whoever has it can read everything that went over the connections.
///
/// One serves any number of connections and threads, and other programs may append to the same file:
/// each line is written whole.
#[derive(Clone, Debug)]
pub struct KeyLog {
    file: Arc<File>,
}

impl KeyLog {
    /// Opens the file, or makes one that only this user can read.
    ///
    /// # Errors
    ///
    /// [`SetupError::Diagnostics`] if it can't be opened for appending.
    pub fn open(path: &Path) -> Result<Self, SetupError> {
        // Never waits for the other end of a FIFO.
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK;
        let flags = flags | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = open(path, flags, Mode::RUSR | Mode::WUSR)
            .map_err(SetupError::diagnostics("the key log", path));
        Ok(Self {
            file: Arc::new(File::from(file?)),
        })
    }
}

//! `Diagnostics`: key logs and qlogs of connections.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, open};

use crate::error::SetupError;
#[cfg(feature = "qlog")]
use crate::qlog::QlogDirectory;
use crate::quic::QuicConnection;

/// What to log of each connection; nothing by default.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Diagnostics {
    /// TLS secrets, which decrypt captured packets.
    pub keylog: Option<KeyLog>,
    /// Events of the connection (qlog). A server opens a file per accepted first packet, so
    /// strangers can make it create files.
    #[cfg(feature = "qlog")]
    pub qlog: Option<QlogDirectory>,
}

impl Diagnostics {
    /// Has new connections of this configuration report their secrets, if a key log is set.
    pub(crate) fn prepare(&self, config: &mut quiche::Config) {
        if self.keylog.is_some() {
            config.log_keys();
        }
    }

    /// Starts logging a new connection. `original` is the destination id of the client's first
    /// packet. Fails if the qlog file can't be created.
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

/// A file to which TLS secrets are appended, in the format of `SSLKEYLOGFILE` (RFC 9850), which
/// Wireshark reads. Anyone who has the file can decrypt the connections.
///
/// One log serves any number of connections and threads. Other programs may append to the same
/// file, because each line is written whole.
#[derive(Clone, Debug)]
pub struct KeyLog {
    file: Arc<File>,
}

impl KeyLog {
    /// Opens the file for appending, or creates it readable by this user alone.
    ///
    /// # Errors
    ///
    /// [`SetupError::Diagnostics`] if it can't be opened for appending.
    pub fn open(path: &Path) -> Result<Self, SetupError> {
        // O_NONBLOCK: opening a FIFO must not wait for a reader.
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK;
        let flags = flags | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = open(path, flags, Mode::RUSR | Mode::WUSR)
            .map_err(SetupError::diagnostics("the key log", path));
        Ok(Self {
            file: Arc::new(File::from(file?)),
        })
    }
}

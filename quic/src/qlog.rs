//! `QlogDirectory`: a qlog file per connection.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, BufWriter};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, open, openat};

use crate::error::SetupError;
use crate::quic::QuicConnection;

/// A directory of qlog files (JSON-SEQ), one per connection.
///
/// A file is named after the destination id of the client's first packet, in hexadecimal digits:
/// `ID_client.sqlog` or `ID_server.sqlog`. It grows with the connection's packets, without a bound,
/// and is complete once the connection is dropped.
#[derive(Clone, Debug)]
pub struct QlogDirectory {
    directory: Arc<OwnedFd>,
}

impl QlogDirectory {
    /// Opens an existing directory. Files go there even if it is renamed later.
    ///
    /// # Errors
    ///
    /// [`SetupError::Diagnostics`] if there is no directory at `path`.
    pub fn open(path: &Path) -> Result<Self, SetupError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = open(path, flags, Mode::empty());
        let directory =
            directory.map_err(SetupError::diagnostics("the directory for qlog", path))?;
        Ok(Self {
            directory: Arc::new(directory),
        })
    }

    pub(crate) fn begin(&self, quic: &mut QuicConnection, original: &[u8]) -> io::Result<()> {
        let side = match quic.is_server() {
            true => "server",
            false => "client",
        };
        let mut name = String::with_capacity(2 * original.len() + 13);
        for byte in original {
            let _ = write!(name, "{byte:02x}");
        }
        name = name + "_" + side + ".sqlog";
        // A client chooses the id, so O_EXCL: two connections must not share a file.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&self.directory, &name, flags, Mode::from_raw_mode(0o640))?;
        // quiche writes an event in many small pieces.
        let writer = Box::new(BufWriter::new(File::from(file)));
        quic.set_qlog(writer, "xskit".to_owned(), name);
        Ok(())
    }
}

impl AsFd for QlogDirectory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

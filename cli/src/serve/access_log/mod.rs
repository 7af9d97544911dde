//! The access log of `xskit serve`: a line of JSON for each response, once it is over.
//!
//! | file | holds |
//! | --- | --- |
//! | `mod.rs` | the log: pending lines, lost lines, and reopening |
//! | `line.rs` | a line |
//! | `place.rs` | where the file is |

mod line;
mod place;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context, anyhow};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use xskit::quic::{Notices, Served};

use crate::report;
use line::Line;
use place::Place;

/// Bytes of lines that wait for a slow reader.
const MOST_PENDING: usize = 64 << 10;

/// Bytes that a ready pipe takes without blocking (PIPE_BUF).
const PIPE_BYTES: usize = 4096;

/// The log, shared by the threads that write lines and the one that reopens the file.
#[derive(Clone)]
pub(crate) struct AccessLog(Arc<Mutex<Log>>);

impl AccessLog {
    /// Opens the file that is named, or standard output for `-`.
    ///
    /// # Errors
    /// The file can't be opened, or would be served.
    pub(crate) fn open(path: &Path, root: &Path) -> anyhow::Result<Self> {
        let log = match path == Path::new("-") {
            true => Log::to_stdout().context("--access-log -: dup(2)")?,
            false => {
                let place = Place::find(path, root)?;
                let file = place.open().map_err(|errno| {
                    anyhow!(
                        "--access-log {}: open(2): {errno}; name a file that can be created or \
                         appended to; symbolic links are not followed",
                        path.display()
                    )
                })?;
                Log::new(file, Some(place))
            }
        };
        Ok(Self(Arc::new(Mutex::new(log))))
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line, which the next [`flush`](Self::flush) writes.
    pub(crate) fn note(&self, served: &Served<'_>) {
        self.log().add(&Line::of(served));
    }

    /// Writes pending lines, as far as that doesn't block.
    pub(crate) fn flush(&self) {
        self.log().flush();
    }

    /// Reopens the file by its name.
    pub(crate) fn reopen(&self, user: &str) {
        self.log().reopen(user);
    }

    /// Lines that could not be written, pending ones included.
    pub(crate) fn lost(&self) -> u64 {
        let log = self.log();
        log.lost + log.pending.matches('\n').count() as u64
    }

    /// A descriptor of the directory in which the file is reopened; `None` if it isn't.
    pub(crate) fn directory(&self) -> anyhow::Result<Option<OwnedFd>> {
        let log = self.log();
        // Devices and FIFOs aren't rotated.
        let is_rotated = |place: &&Place| !place.holds_root && is_regular(&log.file);
        let place = log.place.as_ref().filter(is_rotated);
        let directory = place.map(|place| place.directory.try_clone());
        directory.transpose().context("dup(2)")
    }
}

struct Log {
    file: OwnedFd,
    /// `None` for standard output.
    place: Option<Place>,
    /// Whole lines, except that the start of the first may be written already.
    pending: String,
    /// The last write ended in the middle of a line.
    is_mid_line: bool,
    lost: u64,
    /// Lost since the last notice.
    untold: u64,
    is_failing: bool,
    notices: Notices,
}

impl Log {
    fn new(file: OwnedFd, place: Option<Place>) -> Self {
        Self {
            file,
            place,
            pending: String::new(),
            is_mid_line: false,
            lost: 0,
            untold: 0,
            is_failing: false,
            notices: Notices::default(),
        }
    }

    fn to_stdout() -> io::Result<Self> {
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self::new(stdout, None))
    }

    fn name(&self) -> String {
        match &self.place {
            Some(place) => place.path.display().to_string(),
            None => "standard output".to_owned(),
        }
    }

    fn add(&mut self, line: &Line<'_>) {
        if self.pending.len() >= MOST_PENDING {
            self.flush();
        }
        if self.pending.len() >= MOST_PENDING {
            let reader = "its reader is too slow";
            self.lose(1, reader);
            return;
        }
        if self.pending.is_empty() && self.is_mid_line {
            // Ends a line whose rest could not be written.
            self.pending.push('\n');
        }
        line.write(&mut self.pending);
    }

    fn flush(&mut self) {
        while !self.pending.is_empty() {
            let mut piece = self.pending.as_bytes();
            if self.place.is_none() {
                // Stdout may be shared with a shell, so it can't be made non-blocking, only polled.
                if !is_ready(self.file.as_fd()) {
                    return;
                }
                piece = &piece[..piece.len().min(PIPE_BYTES)];
            }
            match rustix::io::write(&self.file, piece) {
                Ok(0) | Err(Errno::AGAIN) => return,
                Ok(len) => self.wrote(len),
                Err(Errno::INTR) => {}
                Err(errno) => {
                    let begun = usize::from(self.pending.starts_with('\n'));
                    let lines = self.pending.matches('\n').count() - begun;
                    self.pending.clear();
                    self.lose(lines as u64, errno);
                    return;
                }
            }
        }
    }

    fn wrote(&mut self, len: usize) {
        // Lines are ASCII, so any byte is a character.
        let written = self.pending.drain(..len);
        self.is_mid_line = !written.as_str().ends_with('\n');
        drop(written);
        if std::mem::take(&mut self.is_failing) && self.notices.admit(Instant::now()).is_some() {
            report::say(format_args!(
                "xskit: note: access log {}: writing again; {} lines were lost",
                self.name(),
                std::mem::take(&mut self.untold)
            ));
        }
    }

    fn lose(&mut self, lines: u64, why: impl std::fmt::Display) {
        self.lost += lines;
        self.untold += lines;
        if !std::mem::replace(&mut self.is_failing, true)
            && self.notices.admit(Instant::now()).is_some()
        {
            report::say(format_args!(
                "xskit: warning: access log {}: write(2): {why}; serving continues, and lines are \
                 lost until a write succeeds",
                self.name()
            ));
        }
    }

    fn reopen(&mut self, user: &str) {
        self.flush();
        let Some(place) = &self.place else {
            return;
        };
        if place.is_of(&self.file) {
            return;
        }
        match place.open() {
            Ok(file) => {
                self.file = file;
                // The start of the line is in the old file.
                if std::mem::take(&mut self.is_mid_line)
                    && let Some((_, rest)) = self.pending.split_once('\n')
                {
                    self.pending = rest.to_owned();
                    self.lost += 1;
                }
                report::say(format_args!("xskit: note: the access log was reopened"));
            }
            Err(errno) => {
                let error = io::Error::from(errno);
                report::say(format_args!(
                    "xskit: warning: SIGHUP: access log {}: open(2): {error}; lines still go to \
                     the old file (serve runs as {user} now: let that user write the new file, as \
                     logrotate's `create 0640 {user}` does, or use `copytruncate`)",
                    place.path.display()
                ));
            }
        }
    }
}

fn is_regular(file: &OwnedFd) -> bool {
    let kind = fstat(file).map(|stat| FileType::from_raw_mode(stat.st_mode));
    kind == Ok(FileType::RegularFile)
}

fn is_ready(file: BorrowedFd<'_>) -> bool {
    let mut wanted = [PollFd::from_borrowed_fd(file, PollFlags::OUT)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // An error counts as ready, too: the write reports it.
    poll(&mut wanted, Some(&at_once)).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Read;

    use super::line::tests::{line, text};
    use super::*;

    fn file_log(path: &Path) -> Log {
        let place = Place::find(path, Path::new("/proc")).unwrap();
        Log::new(place.open().unwrap(), Some(place))
    }

    #[test]
    fn a_full_disk_costs_lines_and_tears_none() {
        let full = File::options().append(true).open("/dev/full").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut log = file_log(&dir.path().join("log"));
        let file = std::mem::replace(&mut log.file, full.into());
        // As if the disk had become full in the middle of a line.
        log.is_mid_line = true;
        for _ in 0..3 {
            log.add(&line("/lost"));
            log.add(&line("/lost"));
            log.flush();
        }
        assert_eq!((log.lost, log.is_failing, log.pending.len()), (6, true, 0));
        log.file = file;
        log.add(&line("/kept"));
        log.flush();
        let written = fs::read_to_string(dir.path().join("log")).unwrap();
        assert_eq!(written, format!("\n{}", text(&line("/kept"))));
        assert!(!log.is_failing && !log.is_mid_line);
    }

    #[test]
    fn a_slow_reader_is_not_waited_for() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut log = Log::new(writer.into(), None);
        let count = 4000;
        for _ in 0..count {
            log.add(&line("/"));
            log.flush();
        }
        assert!(log.lost > 0 && log.pending.len() < MOST_PENDING + PIPE_BYTES);
        let log = AccessLog(Arc::new(Mutex::new(log)));
        // In parts, each of which makes room.
        let (mut read, mut part) = (Vec::new(), vec![0; 1000]);
        while !log.log().pending.is_empty() {
            let len = reader.read(&mut part).unwrap();
            read.extend_from_slice(&part[..len]);
            log.flush();
        }
        let lost = log.lost();
        drop(log);
        reader.read_to_end(&mut read).unwrap();
        let read = String::from_utf8(read).unwrap();
        assert!(read.lines().all(|it| format!("{it}\n") == text(&line("/"))));
        assert_eq!(read.lines().count() as u64 + lost, count);
    }

    #[test]
    fn a_log_is_no_link_and_not_served() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        let open = |path: &Path| {
            let opened = AccessLog::open(path, &root).map(|log| log.directory().unwrap().is_some());
            opened.map_err(|error| format!("{error:#}"))
        };
        assert!(
            open(&root.join("log"))
                .unwrap_err()
                .contains("is under --root")
        );
        std::os::unix::fs::symlink("/dev/null", dir.path().join("link")).unwrap();
        let error = open(&dir.path().join("link")).unwrap_err();
        assert!(error.contains("links are not followed"), "{error}");
        assert!(
            open(&dir.path().join("nowhere/log"))
                .unwrap_err()
                .contains("of its directory")
        );
        assert!(open(Path::new("/")).is_err());
        // What is served does not become writable.
        assert_eq!(open(&dir.path().join("log")), Ok(false));
        fs::create_dir(dir.path().join("own")).unwrap();
        assert_eq!(open(&dir.path().join("own/log")), Ok(true));
        assert_eq!(open(Path::new("-")), Ok(false));
        assert_eq!(open(Path::new("/dev/null")), Ok(false));
    }
}

//! Ending another thread's wait.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{read, write};

/// Ends a backend's wait from any thread: an `eventfd(2)` that each wait polls as well.
///
/// A call of [`wake`](Self::wake) ends the current wait, or else the next one that would sleep.
/// That wait returns as after a timeout, unless packets came at the same time.
#[derive(Clone, Debug)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    pub(crate) fn new() -> rustix::io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Arc::new(event)))
    }

    /// Ends the wait, by one `write(2)`. Calls before that wait has ended count as one.
    pub fn wake(&self) {
        // It fails if the counter is full (EAGAIN): the wait ends then as well.
        let _ = write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Whether [`wake`](Self::wake) was called since the last time.
    pub(crate) fn take(&self) -> bool {
        read(&self.0, &mut [0; 8]).is_ok()
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

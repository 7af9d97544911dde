//! The sockets whose devices are polled by the program's calls.

use std::cell::RefCell;
use std::os::fd::{AsFd, AsRawFd, RawFd};

/// By number, since a backend doesn't hold its sockets. One whose number was given to another file
/// costs that a receive of no bytes, and no more.
#[derive(Debug, Default)]
pub(crate) struct Polled(RefCell<Vec<RawFd>>);

impl Polled {
    /// From now on the socket's device is to be polled, or is not.
    pub(crate) fn set(&self, socket: impl AsFd, on: bool) {
        let number = socket.as_fd().as_raw_fd();
        let mut numbers = self.0.borrow_mut();
        numbers.retain(|other| *other != number);
        if on {
            numbers.push(number);
        }
    }

    pub(crate) fn has(&self, socket: impl AsFd) -> bool {
        self.0.borrow().contains(&socket.as_fd().as_raw_fd())
    }
}

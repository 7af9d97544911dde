//! A second thread.

use loom::thread::{self, JoinHandle, Thread};

/// Runs `body` on a thread of its own; returns when that has called [`Ready::set`].
///
/// Each thread takes up its end of the ring before either goes on. Loom finds the orders to try
/// from the last access to a word alone, and taking up an end reads the word that is then written:
/// done late, that would hide from loom that the peer read the word before.
pub(crate) fn spawn<T: 'static>(body: impl FnOnce(Ready) -> T + 'static) -> JoinHandle<T> {
    let ready = Ready(thread::current());
    let spawned = thread::spawn(move || body(ready));
    thread::park();
    spawned
}

/// Lets the spawning thread go on.
#[derive(Debug)]
pub(crate) struct Ready(Thread);

impl Ready {
    pub(crate) fn set(self) {
        self.0.unpark();
    }
}

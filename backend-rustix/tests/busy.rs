//! A backend that never waits: which devices its looks drive, and as what they count.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;

use xskit_core::Backend;
use xskit_core::backend::{Interest, SetOption};
use xskit_rustix::{RustixBackend, Wait};

const ON: SetOption = SetOption::BusyPoll { us: 20 };
const OFF: SetOption = SetOption::BusyPoll { us: 0 };

/// Two sockets that need no privilege: a receive of no bytes says EAGAIN.
fn sockets() -> (OwnedFd, OwnedFd) {
    let (first, second) = UnixDatagram::pair().expect("two sockets");
    (first.into(), second.into())
}

/// How often a look at the sockets called the kernel: to wake, and to wait.
fn looked(backend: &RustixBackend, sockets: &[&OwnedFd]) -> (u64, u64) {
    let before = backend.calls();
    let interests: Vec<_> = sockets
        .iter()
        .map(|socket| (*socket, Interest::RECEIVE))
        .collect();
    assert_eq!(backend.wait(&interests, None), Ok(0));
    let calls = backend.calls();
    (calls.wakes - before.wakes, calls.waits - before.waits)
}

#[test]
fn each_socket_says_for_itself_whether_its_device_is_polled() {
    let backend = RustixBackend::with_wait(Wait::Busy);
    let (first, second) = sockets();
    assert_eq!(looked(&backend, &[&first, &second]), (0, 0));
    backend.note_option(&first, &ON);
    backend.note_option(&first, &ON);
    backend.note_option(&second, &OFF);
    assert_eq!(looked(&backend, &[&first, &second]), (1, 0));
    assert_eq!(looked(&backend, &[&second]), (0, 0));
    backend.note_option(&second, &ON);
    assert_eq!(looked(&backend, &[&first, &second]), (2, 0));
    backend.note_option(&first, &OFF);
    assert_eq!(looked(&backend, &[&first, &second]), (1, 0));

    // The next file of a closed socket's number has nothing of it. This test is alone in its process,
    // so that nobody else takes the number.
    backend.note_option(&first, &ON);
    let number = first.as_raw_fd();
    backend.close(first);
    let (next, _peer) = sockets();
    assert_eq!(next.as_raw_fd(), number, "the lowest that is free");
    assert_eq!(looked(&backend, &[&next]), (0, 0));
}

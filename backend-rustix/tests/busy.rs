//! A backend that never waits: its looks take no system call, but for one now and then.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;

use xskit_core::Backend;
use xskit_core::backend::{Interest, SetOption};
use xskit_rustix::{RustixBackend, Wait};

#[test]
fn a_look_takes_no_call_until_one_asks_whether_the_interface_is_there() {
    let backend = RustixBackend::with_wait(Wait::Busy);
    let (socket, _peer) = UnixDatagram::pair().expect("two sockets that need no privilege");
    let socket = OwnedFd::from(socket);
    // Flushes drive the device, so looks don't do it again.
    backend
        .set_option(&socket, SetOption::BusyPoll { us: 20 })
        .expect("any socket takes it");
    let look = || assert_eq!(backend.wait(&[(&socket, Interest::RECEIVE)], None), Ok(0));
    (0..65_534).for_each(|_| look());
    assert_eq!(backend.calls().data_path(), 0);
    look();
    assert_eq!(backend.calls().data_path(), 1);
    (0..65_535).for_each(|_| look());
    assert_eq!(backend.calls().data_path(), 1);
    look();
    assert_eq!(backend.calls().data_path(), 2);
}

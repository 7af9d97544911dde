//! How many system calls a wait takes: one, and now and then one per socket for its error. A
//! backend that never waits makes only the latter.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use xskit_core::Backend;
use xskit_core::Errno;
use xskit_core::backend::{Interest, SetOption};
use xskit_rustix::{RustixBackend, RustixWait};

#[test]
fn a_look_takes_no_call_until_one_asks_whether_the_interface_is_there() {
    let backend = RustixBackend::with_wait(RustixWait::Busy);
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

#[test]
fn a_wait_on_many_sockets_is_one_call_while_some_are_ready() {
    const SOCKETS: u64 = 8;
    let backend = RustixBackend::new();
    let (sockets, peers): (Vec<OwnedFd>, Vec<_>) = (0..SOCKETS)
        .map(|_| UnixDatagram::pair().expect("two sockets that need no privilege"))
        .map(|(socket, peer)| (socket.into(), peer))
        .unzip();
    let interests: Vec<_> = sockets
        .iter()
        .map(|socket| (socket, Interest::RECEIVE))
        .collect();
    let wait = || {
        let before = backend.calls().waits;
        let ready = backend.wait(&interests, Some(Duration::ZERO));
        (ready.expect("a wait"), backend.calls().waits - before)
    };
    assert_eq!(wait(), (0, 1 + SOCKETS), "silence is a reason to ask");
    peers[0].send(&[1]).expect("sent");
    (0..1023).for_each(|_| assert_eq!(wait(), (1, 1)));
    assert_eq!(wait(), (1, 1 + SOCKETS), "the others may be gone");
    assert_eq!(wait(), (1, 1));
}

#[test]
fn a_socket_that_reports_an_error_is_asked_at_once() {
    let backend = RustixBackend::new();
    let (mut socket, peer) = UnixStream::pair().expect("two sockets that need no privilege");
    socket.write_all(&[1]).expect("room");
    // With what was sent unread: ECONNRESET.
    drop(peer);
    let socket = OwnedFd::from(socket);
    let waited = backend.wait(&[(&socket, Interest::RECEIVE)], Some(Duration::ZERO));
    assert_eq!(waited, Err(Errno(104)));
    assert_eq!(backend.calls().waits, 2);
}

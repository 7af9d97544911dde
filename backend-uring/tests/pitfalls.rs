//! The pitfalls of AF_XDP sockets on an io_uring: each is provoked on a bare ring, and then the
//! backend is shown to avoid it.
#![allow(unsafe_code)]

mod availability;
mod sender;

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue::Entry};
use sender::{sender, with_sender};
use xskit_backend_suite::fixture::{
    FRAMES, MmapUmem, PATIENCE, UdpHeaders, drain, headers_to_port, send_datagrams, take_port, umem,
};
use xskit_bpf::AttachMode;
use xskit_core::abi::{self, SOL_XDP, SockaddrXdp, UmemReg};
use xskit_core::backend::{Interest, Kick, RingKind, SetOption};
use xskit_core::umem::{FrameSlot, Memory};
use xskit_core::{Backend, Errno, Socket, SocketConfig};
use xskit_rustix::RustixBackend;
use xskit_testbed::HostPair;
use xskit_uring::{MmapMemory, Route, UringBackend, UringConfig, UringSocket, Wait};

/// Long enough for the kernel to do what it is going to do.
const A_WHILE: Duration = Duration::from_millis(100);

fn waiting(wait: Wait) -> UringConfig {
    UringConfig {
        wait,
        ..UringConfig::default()
    }
}

fn backend(wait: Wait) -> UringBackend {
    UringBackend::new(waiting(wait)).expect("a ring")
}

fn in_first_host(test: &str, task: impl Fn(&HostPair) + Sync) {
    if let Some(pair) = hosts(test) {
        pair.first.run(|| task(&pair)).expect("in the first host");
    }
}

fn hosts(test: &str) -> Option<HostPair> {
    if !availability::is_there(UringConfig::default()) {
        return None;
    }
    HostPair::for_test(test, 1)
}

/// A bare ring.
struct Bare(IoUring);

impl Bare {
    fn new() -> Self {
        Self(IoUring::new(8).expect("a ring"))
    }

    /// Submits an entry without operands, or whose operands outlive the completion.
    fn submit(&mut self, entry: &Entry) {
        // SAFETY: the tests submit sends of no bytes, polls and cancels, which name no memory, and
        // one `getsockopt` of a value that is static.
        unsafe { self.0.submission().push(entry) }.expect("room");
        self.0.submit().expect("submitted");
    }

    /// The next completion, unless none comes for a while.
    fn completion(&mut self) -> Option<cqueue::Entry> {
        let time = Timespec::from(A_WHILE);
        let arguments = SubmitArgs::new().timespec(&time);
        let _ = self.0.submitter().submit_with_args(1, &arguments);
        self.0.completion().next()
    }

    fn result(&mut self, entry: &Entry) -> Option<i32> {
        self.submit(entry);
        self.completion().map(|completion| completion.result())
    }
}

fn send(fd: i32, flags: i32) -> Entry {
    opcode::Send::new(Fd(fd), ptr::null(), 0)
        .flags(flags)
        .build()
}

#[test]
fn one_send_takes_32_packets_and_says_eagain() {
    let test = "one_send_takes_32_packets_and_says_eagain";
    with_sender(test, waiting(Wait::Block), 512, |socket, umem, headers| {
        // Bare: shown to the kernel, but the backend's own kicks are not submitted yet.
        assert_eq!(send_datagrams(socket, umem, headers, 100), 100);
        assert_eq!(socket.request(), Ok(true));
        let fd = socket.handle().as_raw_fd();
        let result = Bare::new().result(&send(fd, libc::MSG_DONTWAIT));
        assert_eq!(result, Some(-libc::EAGAIN));
        assert_eq!(socket.halves().1.reap(), 32);

        // The backend asked for four, and one system call carries them: the fourth finds nothing.
        socket.backend().submit().expect("kicks");
        assert_eq!(socket.halves().1.reap(), 68);
        let calls = socket.backend().calls();
        assert_eq!((calls.submissions.kicks, calls.enters), (4, 1), "{calls:?}");
        assert_eq!((calls.again, calls.kicks), (2, 0), "{calls:?}");
    });
}

#[test]
fn a_full_completion_ring_leaves_no_kick_pending() {
    let test = "a_full_completion_ring_leaves_no_kick_pending";
    with_sender(test, waiting(Wait::Poll), 64, |socket, umem, headers| {
        assert_eq!(send_datagrams(socket, umem, headers, 200), 200);
        assert_eq!(socket.request(), Ok(true));
        // More than the socket asks for, since it knows that there is no room.
        let (backend, more) = (socket.backend(), Kick::Transmit { times: 5 });
        backend.kick(socket.handle(), more).expect("asked for");
        backend.submit().expect("kicks");
        // Two sent 32 each, the others found no room for completions; all of them said so.
        let calls = backend.calls();
        assert!(calls.submissions.kicks >= 7, "{calls:?}");
        assert_eq!(calls.again, calls.submissions.kicks, "{calls:?}");
        assert_eq!(socket.halves().1.reap(), 64);
        // Nothing goes out by itself: no kick was left pending. The next one goes on.
        thread::sleep(A_WHILE);
        assert_eq!(socket.halves().1.reap(), 0);
        drain(socket).expect("kicks");
        assert_eq!(socket.halves().1.completed(), 200);
    });
}

#[test]
fn a_send_that_may_wait_fails_or_hangs_at_a_full_completion_ring() {
    let test = "a_send_that_may_wait_fails_or_hangs_at_a_full_completion_ring";
    let config = waiting(Wait::Block);
    // The kernel waits for room in the TX ring, of which there is some while it is less than half
    // full. It then tries again and again, and at last as if it could wait, which it can't.
    with_sender(test, config, 64, |socket, umem, headers| {
        let result = send_waiting(socket, umem, headers, 200);
        assert_eq!(result, Some(-libc::EOPNOTSUPP));
    });
    // More than half full, it is not tried again, not even when there is room for completions.
    with_sender(test, config, 64, |socket, umem, headers| {
        assert_eq!(send_waiting(socket, umem, headers, 400), None);
    });
}

/// Sends this many packets by a bare ring past 64 slots for completions, by a send that may wait.
/// Takes the completions, and returns the send's result, if it had one by then.
fn send_waiting<'u>(
    socket: &mut Socket<'u, UringBackend>,
    umem: &'u MmapUmem<'_>,
    headers: &UdpHeaders,
    packets: u32,
) -> Option<i32> {
    let fd = socket.handle().as_raw_fd();
    let sent = send_datagrams(socket, umem, headers, packets);
    assert_eq!(sent, packets);
    assert_eq!(socket.request(), Ok(true));
    let mut bare = Bare::new();
    bare.submit(&send(fd, 0));
    let before = bare.completion().map(|completion| completion.result());
    assert_eq!(socket.halves().1.reap(), 64);
    let result = before.or_else(|| bare.completion().map(|completion| completion.result()));
    // Kicks that don't wait get everything out beside it.
    drain(socket).expect("kicks");
    assert_eq!(socket.halves().1.completed(), u64::from(packets));
    result
}

#[test]
fn an_armed_poll_keeps_a_closed_sockets_queue() {
    in_first_host("an_armed_poll_keeps_a_closed_sockets_queue", |pair| {
        let direct = RustixBackend::new();
        let config = sender(pair, 0, 64);
        let mut bare = Bare::new();
        let mut slots = vec![FrameSlot::new(); FRAMES];
        {
            let umem = umem(&mut slots);
            let socket = Socket::open(&direct, &umem, &config).expect("a socket");
            let events = libc::POLLIN as u32;
            let poll = opcode::PollAdd::new(Fd(socket.handle().as_raw_fd()), events)
                .multi(true)
                .build()
                .user_data(1);
            bare.submit(&poll);
        }
        let mut slots = vec![FrameSlot::new(); FRAMES];
        let umem = umem(&mut slots);
        let taken = Socket::open(&direct, &umem, &config).expect_err("the poll keeps it");
        assert_eq!(taken.errno, Errno::EBUSY);
        bare.submit(&opcode::AsyncCancel::new(1).build());
        Socket::open(&direct, &umem, &config).expect("cancelled, so free");
    });
}

#[test]
fn closing_a_socket_ends_its_polls_first() {
    in_first_host("closing_a_socket_ends_its_polls_first", |pair| {
        let config = sender(pair, 0, 64);
        for wait in [Wait::Poll, Wait::Multishot] {
            let backend = backend(wait);
            let mut slots = vec![FrameSlot::new(); FRAMES];
            let umem = umem(&mut slots);
            let mut socket = Socket::open(&backend, &umem, &config).expect("a free queue");
            let waited = socket.wait(Interest::RECEIVE, Some(Duration::ZERO));
            assert_eq!(waited, Ok(false));
            drop(socket);
            let calls = backend.calls();
            let submitted = calls.submissions;
            assert_eq!((submitted.polls, submitted.cancels), (1, 1), "{calls:?}");
        }
    });
}

#[test]
fn polls_of_a_socket_that_was_not_closed_end_with_the_backend() {
    let test = "polls_of_a_socket_that_was_not_closed_end_with_the_backend";
    in_first_host(test, |pair| {
        let config = sender(pair, 0, 64);
        let memory = MmapMemory::allocate(FRAMES * 4096, false).expect("memory");
        let backend = backend(Wait::Multishot);
        let fd = {
            let socket = bind_by_hand(&backend, &memory, config.ifindex);
            let waited = backend.wait(&[(&socket, Interest::RECEIVE)], Some(Duration::ZERO));
            assert_eq!(waited, Ok(0));
            socket.as_raw_fd()
        };
        // A dropped socket stays open; so it is closed here, without the backend.
        // SAFETY: the socket that had the descriptor is gone and won't close it, and the queue has
        // nothing of it: the wait handed over everything.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
        let direct = RustixBackend::new();
        let mut slots = vec![FrameSlot::new(); FRAMES];
        let umem = umem(&mut slots);
        let open = || Socket::open(&direct, &umem, &config).map(drop);
        assert_eq!(open().expect_err("kept").errno, Errno::EBUSY);
        drop(backend);
        open().expect("free");
    });
}

#[test]
fn a_wait_without_end_ends_when_the_interface_is_removed() {
    let test = "a_wait_without_end_ends_when_the_interface_is_removed";
    for wait in [Wait::Poll, Wait::Multishot] {
        let Some(HostPair { first, second }) = hosts(test) else {
            return;
        };
        let (says, told) = mpsc::channel();
        // In its own thread, so that the test can fail while it waits for ever.
        thread::spawn(move || {
            let task = || {
                let backend = backend(wait);
                let mut slots = vec![FrameSlot::new(); FRAMES];
                let umem = umem(&mut slots);
                let config = SocketConfig::new(first.link.index, 0);
                let mut socket = Socket::open(&backend, &umem, &config).expect("a socket");
                says.send(None).expect("somebody listens");
                let waited = socket.wait(Interest::RECEIVE, None);
                says.send(Some(waited)).expect("somebody listens");
            };
            first.run(task).expect("in the first host");
        });
        assert_eq!(told.recv_timeout(PATIENCE), Ok(None));
        thread::sleep(A_WHILE);
        // A veth goes with its peer, and the peer with its host.
        drop(second);
        let waited = Some(Err(Errno::ENETDOWN));
        assert_eq!(told.recv_timeout(PATIENCE), Ok(waited), "{wait:?}");
    }
}

#[test]
fn a_socket_is_closed_by_its_own_backend_only() {
    in_first_host("a_socket_is_closed_by_its_own_backend_only", |_| {
        let (own, other) = (backend(Wait::Block), backend(Wait::Block));
        let taken = own.open().expect("a socket");
        assert_eq!(other.offsets(&taken), Err(Errno(libc::EBADF)));
        let fd = taken.as_raw_fd();
        other.close(taken);
        assert_eq!(other.calls().setup, 0, "not closed");
        // SAFETY: the socket that had the descriptor is gone and didn't close it, and no queue
        // names it: only the set-up did.
        let left = unsafe { OwnedFd::from_raw_fd(fd) };
        RustixBackend::new().offsets(&left).expect("open still");
    });
}

/// A socket over `memory`, without its rings mapped: a mapping would keep it as well.
fn bind_by_hand(backend: &UringBackend, memory: &MmapMemory, ifindex: u32) -> UringSocket {
    let socket = backend.open().expect("a socket");
    let region = memory.region();
    let reg = UmemReg {
        addr: region.cast::<u8>().as_ptr().addr() as u64,
        len: region.len() as u64,
        chunk_size: 4096,
        ..UmemReg::default()
    };
    let mut options = vec![SetOption::UmemReg(reg)];
    options.extend(
        [RingKind::Fill, RingKind::Completion, RingKind::Tx]
            .map(|ring| SetOption::RingSize(ring, 64)),
    );
    for option in options {
        backend.set_option(&socket, option).expect("an option");
    }
    let address = SockaddrXdp {
        family: abi::AF_XDP,
        ifindex,
        ..SockaddrXdp::default()
    };
    backend.bind(&socket, &address).expect("bound");
    socket
}

#[test]
fn options_are_set_through_the_ring_and_read_beside_it() {
    let test = "options_are_set_through_the_ring_and_read_beside_it";
    with_sender(test, waiting(Wait::Block), 64, |socket, _, _| {
        assert!(!socket.obtained().zero_copy);
        static VALUE: AtomicU32 = AtomicU32::new(0);
        let read = opcode::GetSockOpt::new(
            Fd(socket.handle().as_raw_fd()),
            SOL_XDP as u32,
            abi::sockopt::OPTIONS as u32,
            VALUE.as_ptr().cast(),
            4,
        );
        let result = Bare::new().result(&read.build());
        assert_eq!(result, Some(-libc::EOPNOTSUPP));

        let report = socket.backend().setup_report();
        let submitted = socket.backend().calls().submissions.setup;
        let expected = [(report.socket, 1), (report.options, 5), (report.bind, 1)];
        let expected = expected
            .into_iter()
            .filter(|(route, _)| *route == Route::Submission)
            .map(|(_, entries)| entries);
        // A bind may have been tried again.
        assert!(submitted >= expected.sum(), "{report}: {submitted}");
    });
}

#[test]
fn a_multishot_poll_is_armed_once_for_many_bursts() {
    const BURSTS: u64 = 20;
    const BURST: u32 = 8;
    let Some(pair) = hosts("a_multishot_poll_is_armed_once_for_many_bursts") else {
        return;
    };
    let receive = || {
        let backend = backend(Wait::Multishot);
        let mut slots = vec![FrameSlot::new(); FRAMES];
        let umem = umem(&mut slots);
        let ifindex = pair.second.link.index;
        let config = SocketConfig::new(ifindex, 0);
        let mut socket = Socket::open(&backend, &umem, &config).expect("a socket");
        let _taken = take_port(&socket, ifindex, AttachMode::Auto);
        // A bare poll of the same socket shows what the kernel makes of a burst.
        let mut bare = Bare::new();
        let events = libc::POLLIN as u32;
        let poll = opcode::PollAdd::new(Fd(socket.handle().as_raw_fd()), events).multi(true);
        bare.submit(&poll.build());
        let mut reports = 0;
        let armed = backend.wait(
            &[(socket.handle(), Interest::RECEIVE)],
            Some(Duration::ZERO),
        );
        assert_eq!(armed, Ok(0));
        for _ in 0..BURSTS {
            let send = || send_burst(&pair, BURST);
            pair.first.run(send).expect("in the first host");
            let mut received = 0;
            while received < BURST as usize {
                let waited = backend.wait(&[(socket.handle(), Interest::RECEIVE)], Some(PATIENCE));
                assert_eq!(waited, Ok(1), "after {received} of a burst");
                received += socket.receive(64).count();
                socket.recycle();
            }
            while let Some(report) = bare.0.completion().next() {
                assert!(cqueue::more(report.flags()), "the poll goes on");
                reports += 1;
            }
        }
        assert!(reports >= BURSTS, "one a burst at least");
        let calls = backend.calls();
        assert_eq!((calls.submissions.polls, calls.enters), (1, 0), "{calls:?}");
    };
    pair.second.run(receive).expect("in the second host");
}

fn send_burst(pair: &HostPair, packets: u32) {
    let backend = RustixBackend::new();
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let umem = umem(&mut slots);
    let mut socket = Socket::open(&backend, &umem, &sender(pair, 0, 64)).expect("a socket");
    let headers = headers_to_port(pair);
    assert_eq!(
        send_datagrams(&mut socket, &umem, &headers, packets),
        packets
    );
    drain(&mut socket).expect("kicks");
}

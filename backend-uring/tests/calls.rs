//! How many system calls it takes.

mod availability;
mod sender;

use std::thread;
use std::time::Duration;

use sender::{sender, with_sender};
use xskit_backend_suite::fixture::{FRAMES, drain, headers_to_port, send_datagrams, umem};
use xskit_core::umem::FrameSlot;
use xskit_core::{Backend, Socket};
use xskit_testbed::HostPair;
use xskit_uring::{SqPoll, UringBackend, UringConfig, Wait};

#[test]
fn the_kicks_of_several_sockets_take_one_system_call() {
    let test = "the_kicks_of_several_sockets_take_one_system_call";
    if !availability::is_there(UringConfig::default()) {
        return;
    }
    let Some(pair) = HostPair::for_test(test, 4) else {
        return;
    };
    let send = || {
        let backend = UringBackend::new(UringConfig::default()).expect("a ring");
        let mut stores: Vec<_> = (0..4).map(|_| vec![FrameSlot::new(); FRAMES]).collect();
        let umems: Vec<_> = stores.iter_mut().map(|slots| umem(slots)).collect();
        let headers = headers_to_port(&pair);
        let mut sockets = Vec::new();
        for (queue, umem) in (0..).zip(&umems) {
            let config = sender(&pair, queue, 512);
            let mut socket = Socket::open(&backend, umem, &config).expect("a socket");
            assert_eq!(send_datagrams(&mut socket, umem, &headers, 100), 100);
            sockets.push(socket);
        }
        for socket in &mut sockets {
            assert_eq!(socket.request(), Ok(true));
        }
        backend.submit().expect("kicks");
        let calls = backend.calls();
        let counted = (calls.enters, calls.data_path(), calls.submissions.kicks);
        assert_eq!(counted, (1, 1, 16), "{calls:?}");
        for socket in &mut sockets {
            assert_eq!(socket.halves().1.reap(), 100);
        }
    };
    pair.first.run(send).expect("in the first host");
}

#[test]
fn a_full_queue_is_handed_over_and_filled_again() {
    let test = "a_full_queue_is_handed_over_and_filled_again";
    let config = UringConfig {
        entries: 2,
        ..UringConfig::default()
    };
    with_sender(test, config, 512, |socket, umem, headers| {
        assert_eq!(send_datagrams(socket, umem, headers, 300), 300);
        socket.flush().expect("kicks");
        assert_eq!(socket.halves().1.reap(), 300);
        let calls = socket.backend().calls();
        let counted = (calls.submissions.kicks, calls.enters, calls.again);
        assert_eq!(counted, (10, 5, 9), "{calls:?}");
    });
}

/// A ring that a kernel thread looks at, for so long after the last entry.
fn polled(idle_ms: u32) -> UringConfig {
    UringConfig {
        wait: Wait::Busy,
        sqpoll: Some(SqPoll { idle_ms }),
        ..UringConfig::default()
    }
}

#[test]
fn a_polled_ring_at_saturation_takes_hardly_a_system_call() {
    const PACKETS: u64 = 50_000;
    let test = "a_polled_ring_at_saturation_takes_hardly_a_system_call";
    with_sender(test, polled(2000), 512, |socket, umem, headers| {
        while socket.halves().1.sent() < PACKETS {
            send_datagrams(socket, umem, headers, 64);
            socket.flush().expect("kicks");
            socket.recycle();
        }
        drain(socket).expect("kicks");
        let completed = socket.halves().1.completed();
        let calls = socket.backend().calls();
        let are_few = calls.data_path() * 1000 < completed;
        assert!(are_few, "{completed}: {calls:?}");
        assert!(calls.submissions.kicks > 0, "{calls:?}");
    });
}

#[test]
fn a_kick_wakes_the_kernels_thread() {
    let test = "a_kick_wakes_the_kernels_thread";
    with_sender(test, polled(1), 512, |socket, umem, headers| {
        for _ in 0..3 {
            // Far longer than the thread stays awake.
            thread::sleep(Duration::from_millis(50));
            assert_eq!(send_datagrams(socket, umem, headers, 1), 1);
            socket.flush().expect("a kick");
            drain(socket).expect("kicks");
        }
        let calls = socket.backend().calls();
        assert!(calls.enters >= 1, "{calls:?}");
        assert!(calls.submissions.kicks >= 3, "{calls:?}");
    });
}

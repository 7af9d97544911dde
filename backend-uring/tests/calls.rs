//! How many system calls it takes.

mod availability;

use std::time::Duration;

use xskit_backend_suite::fixture::{FRAMES, drain, headers_to_port, send_datagrams, umem};
use xskit_core::ring::RingSize;
use xskit_core::umem::FrameSlot;
use xskit_core::{Backend, Socket, SocketConfig};
use xskit_testbed::HostPair;
use xskit_uring::{SqPoll, UringBackend, UringConfig, Wait};

fn hosts(test: &str, queues: u32, config: UringConfig) -> Option<HostPair> {
    if !availability::is_there(config) {
        return None;
    }
    HostPair::for_test(test, queues)
}

fn sender(pair: &HostPair, queue: u32) -> SocketConfig {
    SocketConfig {
        fill_frames: Some(0),
        // What every kernel does.
        kick_budget: Some(32),
        tx: RingSize::new(512).expect("a power of two"),
        completion: RingSize::new(512).expect("a power of two"),
        ..SocketConfig::new(pair.first.link.index, queue)
    }
}

#[test]
fn the_kicks_of_several_sockets_take_one_system_call() {
    let test = "the_kicks_of_several_sockets_take_one_system_call";
    let Some(pair) = hosts(test, 4, UringConfig::default()) else {
        return;
    };
    let send = || {
        let backend = UringBackend::new(UringConfig::default()).expect("a ring");
        let mut stores: Vec<_> = (0..4).map(|_| vec![FrameSlot::new(); FRAMES]).collect();
        let umems: Vec<_> = stores.iter_mut().map(|slots| umem(slots)).collect();
        let headers = headers_to_port(&pair);
        let mut sockets = Vec::new();
        for (queue, umem) in (0..).zip(&umems) {
            let config = sender(&pair, queue);
            let mut socket = Socket::open(&backend, umem, &config).expect("a socket");
            assert_eq!(send_datagrams(&mut socket, umem, &headers, 100), 100);
            sockets.push(socket);
        }
        for socket in &mut sockets {
            assert_eq!(socket.request(), Ok(true));
        }
        backend.submit().expect("kicks");
        let calls = backend.calls();
        assert_eq!(
            (calls.enters, calls.data_path(), calls.submissions.kicks),
            (1, 1, 16),
            "{calls:?}"
        );
        for socket in &mut sockets {
            assert_eq!(socket.halves().1.reap(), 100);
        }
    };
    pair.first.run(send).expect("in the first host");
}

#[test]
fn a_full_queue_is_handed_over_and_filled_again() {
    let config = UringConfig {
        entries: 2,
        ..UringConfig::default()
    };
    let test = "a_full_queue_is_handed_over_and_filled_again";
    let Some(pair) = hosts(test, 1, config) else {
        return;
    };
    let send = || {
        let backend = UringBackend::new(config).expect("a ring");
        let mut slots = vec![FrameSlot::new(); FRAMES];
        let umem = umem(&mut slots);
        let mut socket = Socket::open(&backend, &umem, &sender(&pair, 0)).expect("a socket");
        let headers = headers_to_port(&pair);
        assert_eq!(send_datagrams(&mut socket, &umem, &headers, 300), 300);
        socket.flush().expect("kicks");
        assert_eq!(socket.halves().1.reap(), 300);
        let calls = backend.calls();
        assert_eq!(
            (calls.submissions.kicks, calls.enters, calls.again),
            (10, 5, 9),
            "{calls:?}"
        );
    };
    pair.first.run(send).expect("in the first host");
}

#[test]
fn a_polled_ring_at_saturation_takes_hardly_a_system_call() {
    const PACKETS: u64 = 50_000;
    let test = "a_polled_ring_at_saturation_takes_hardly_a_system_call";
    let config = UringConfig {
        wait: Wait::Busy,
        sqpoll: Some(SqPoll { idle_ms: 2000 }),
        ..UringConfig::default()
    };
    let Some(pair) = hosts(test, 1, config) else {
        return;
    };
    let send = || {
        let backend = UringBackend::new(config).expect("a ring");
        let mut slots = vec![FrameSlot::new(); FRAMES];
        let umem = umem(&mut slots);
        let mut socket = Socket::open(&backend, &umem, &sender(&pair, 0)).expect("a socket");
        let headers = headers_to_port(&pair);
        while socket.halves().1.sent() < PACKETS {
            send_datagrams(&mut socket, &umem, &headers, 64);
            socket.flush().expect("kicks");
            socket.recycle();
        }
        drain(&mut socket).expect("kicks");
        let completed = socket.halves().1.completed();
        let calls = backend.calls();
        assert!(
            calls.data_path() * 1000 < completed,
            "{completed}: {calls:?}"
        );
        assert!(calls.submissions.kicks > 0, "{calls:?}");
    };
    pair.first.run(send).expect("in the first host");
}

#[test]
fn a_kick_wakes_the_kernels_thread() {
    let config = UringConfig {
        wait: Wait::Busy,
        sqpoll: Some(SqPoll { idle_ms: 1 }),
        ..UringConfig::default()
    };
    let Some(pair) = hosts("a_kick_wakes_the_kernels_thread", 1, config) else {
        return;
    };
    let send = || {
        let backend = UringBackend::new(config).expect("a ring");
        let mut slots = vec![FrameSlot::new(); FRAMES];
        let umem = umem(&mut slots);
        let mut socket = Socket::open(&backend, &umem, &sender(&pair, 0)).expect("a socket");
        let headers = headers_to_port(&pair);
        for _ in 0..3 {
            // Far longer than the thread stays awake.
            std::thread::sleep(Duration::from_millis(50));
            assert_eq!(send_datagrams(&mut socket, &umem, &headers, 1), 1);
            socket.flush().expect("a kick");
            drain(&mut socket).expect("kicks");
        }
        let calls = backend.calls();
        assert!(calls.enters >= 1, "{calls:?}");
        assert!(calls.submissions.kicks >= 3, "{calls:?}");
    };
    pair.first.run(send).expect("in the first host");
}

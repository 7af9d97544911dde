//! Busy polling over the simulated kernel: granted as a whole, or not at all.

use xskit_core::backend::{Backend, SetOption};
use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
use xskit_core::socket::{BusyPoll, BusyPolling};
use xskit_core::umem::{FrameSize, FrameSlot, Umem};
use xskit_core::{Errno, Socket, SocketConfig};

const FRAMES: usize = 16;

const WANTED: BusyPoll = BusyPoll { us: 20, budget: 64 };

/// Opens a socket that is to poll busily, on a kernel that may refuse an option.
fn open(
    network: &SimNetwork,
    busy_poll: Option<BusyPoll>,
    check: impl FnOnce(&mut Socket<'_, xskit_core::sim::SimBackend>),
) {
    let backend = network.backend();
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let memory = HeapMemory::new(FRAMES * 4096);
    let umem = Umem::new(memory, &mut slots, FrameSize::DEFAULT).expect("a UMEM");
    let config = SocketConfig {
        busy_poll,
        ..SocketConfig::new(1, 0)
    };
    check(&mut Socket::open(&backend, &umem, &config).expect("it opens all the same"));
}

#[test]
fn all_three_options_are_set() {
    let network = SimNetwork::new(WireConfig::perfect(), 1);
    open(&network, Some(WANTED), |socket| {
        assert_eq!(socket.obtained().busy_poll, BusyPolling::On(WANTED));
        assert_eq!(socket.handle().busy_poll(), (true, 20, 64));
        let text = socket.obtained().busy_poll.to_string();
        assert_eq!(text, "20 us, 64 packets per call");
    });
}

#[test]
fn what_was_set_before_a_refusal_is_undone() {
    let refusals = [
        (
            SetOption::PreferBusyPoll(true),
            Errno::ENOPROTOOPT,
            "Linux 5.11",
        ),
        (
            SetOption::PreferBusyPoll(true),
            Errno::EPERM,
            "CAP_NET_ADMIN",
        ),
        (
            SetOption::BusyPoll { us: 20 },
            Errno::EPERM,
            "CAP_NET_ADMIN",
        ),
        (SetOption::BusyPollBudget(64), Errno::EPERM, "CAP_NET_ADMIN"),
    ];
    for (option, errno, text) in refusals {
        let network = SimNetwork::new(WireConfig::perfect(), 2);
        network.refuse(option.name(), errno);
        open(&network, Some(WANTED), |socket| {
            let obtained = socket.obtained().busy_poll;
            assert_eq!(obtained, BusyPolling::Refused { option, errno });
            assert_eq!(socket.handle().busy_poll(), (false, 0, 0));
            let obtained = obtained.to_string();
            assert!(
                obtained.contains(option.name()) && obtained.contains(text),
                "{obtained}"
            );
        });
    }
}

#[test]
fn a_time_that_no_kernel_takes_is_refused() {
    let network = SimNetwork::new(WireConfig::perfect(), 3);
    let us = 1 << 31;
    open(&network, Some(BusyPoll { us, ..WANTED }), |socket| {
        assert_eq!(
            socket.obtained().busy_poll,
            BusyPolling::Refused {
                option: SetOption::BusyPoll { us },
                errno: Errno::EINVAL
            }
        );
        assert_eq!(socket.handle().busy_poll(), (false, 0, 0));
    });
}

#[test]
fn the_device_is_polled_by_flushes_that_find_nothing() {
    let wakes = |network: &SimNetwork, busy_poll| {
        let mut wakes = Vec::new();
        open(network, busy_poll, |socket| {
            let backend = network.backend();
            let mut flush = |socket: &mut Socket<'_, _>| {
                let before = backend.calls().wakes;
                socket.flush().expect("a wake");
                wakes.push(backend.calls().wakes - before);
            };
            flush(socket);
            deliver_one(network);
            flush(socket);
            assert_eq!(socket.receive(1).count(), 1);
            flush(socket);
        });
        wakes
    };
    let network = SimNetwork::new(WireConfig::perfect(), 4);
    assert_eq!(wakes(&network, Some(WANTED)), [1, 0, 1]);
    assert_eq!(wakes(&network, None), [0; 3], "not asked for");
    network.refuse("SO_PREFER_BUSY_POLL", Errno::EPERM);
    assert_eq!(wakes(&network, Some(WANTED)), [0; 3], "refused");
}

/// Has the other interface send a packet.
fn deliver_one(network: &SimNetwork) {
    let backend = network.backend();
    let mut slots = vec![FrameSlot::new(); 1];
    let umem = Umem::new(HeapMemory::new(4096), &mut slots, FrameSize::DEFAULT).expect("a UMEM");
    let config = SocketConfig {
        fill_frames: Some(0),
        ..SocketConfig::new(2, 0)
    };
    let mut peer = Socket::open(&backend, &umem, &config).expect("a socket");
    let mut frame = umem.alloc().expect("a frame");
    frame.set_range(0..60).expect("inside the frame");
    peer.send(frame).expect("room");
    peer.flush().expect("a kick");
}

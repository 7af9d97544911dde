//! How often a socket over the simulated kernel calls it to send, to look and to wait.

use std::num::NonZeroU32;
use std::time::Duration;

use xskit_core::backend::{Backend, Calls, Interest};
use xskit_core::ring::RingSize;
use xskit_core::sim::{HeapMemory, SimBackend, SimDriver, SimNetwork, WireConfig};
use xskit_core::umem::{FrameSize, FrameSlot, Umem};
use xskit_core::{Errno, Socket, SocketConfig};

const FRAMES: usize = 512;
const FRAME: usize = 4096;

type SimUmem<'s> = Umem<'s, HeapMemory>;

fn umem(slots: &mut [FrameSlot]) -> SimUmem<'_> {
    Umem::new(HeapMemory::new(FRAMES * FRAME), slots, FrameSize::DEFAULT).expect("a UMEM")
}

fn size(slots: u32) -> RingSize {
    RingSize::new(slots).expect("a power of two")
}

/// A socket that only sends, 32 packets a kick.
fn sender(tx: u32, completion: u32) -> SocketConfig {
    SocketConfig {
        tx: size(tx),
        completion: size(completion),
        fill_frames: Some(0),
        kick_budget: Some(32),
        ..SocketConfig::new(1, 0)
    }
}

/// Puts packets on the TX ring.
fn send<'u>(socket: &mut Socket<'u, SimBackend>, umem: &'u SimUmem<'_>, packets: u32) {
    for _ in 0..packets {
        let mut frame = umem.alloc().expect("a free frame");
        frame.set_range(0..60).expect("inside the frame");
        socket.send(frame).expect("room");
    }
}

/// The calls that an act makes.
fn calls(backend: &SimBackend, act: impl FnOnce()) -> Calls {
    let before = backend.calls();
    act();
    let after = backend.calls();
    let mut made = Calls::default();
    made.kicks = after.kicks - before.kicks;
    made.wakes = after.wakes - before.wakes;
    made.waits = after.waits - before.waits;
    made.again = after.again - before.again;
    made.no_buffers = after.no_buffers - before.no_buffers;
    made
}

/// The kicks of a flush, and how many of them left something to send.
fn flush(backend: &SimBackend, socket: &mut Socket<'_, SimBackend>) -> (u64, u64) {
    let calls = calls(backend, || socket.flush().expect("a kick"));
    assert_eq!((calls.wakes, calls.no_buffers), (0, 0));
    (calls.kicks, calls.again)
}

#[test]
fn a_batch_is_kicked_as_often_as_the_kernel_needs_and_no_more() {
    let network = SimNetwork::new(WireConfig::perfect(), 1);
    let backend = network.backend();
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let umem = umem(&mut slots);
    let mut socket = Socket::open(&backend, &umem, &sender(128, 128)).expect("a socket");
    for (packets, kicks) in [(1, 1), (32, 1), (33, 2), (100, 4), (0, 0)] {
        send(&mut socket, &umem, packets);
        let again = u64::saturating_sub(kicks, 1);
        assert_eq!(
            flush(&backend, &mut socket),
            (kicks, again),
            "for {packets} packets"
        );
        socket.recycle();
    }
}

#[test]
fn one_kick_sends_the_whole_tx_ring_where_the_kernel_lets_it() {
    let network = SimNetwork::new(WireConfig::perfect(), 2);
    let backend = network.backend();
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let umem = umem(&mut slots);
    // Wanted, TX ring, obtained.
    let cases = [
        (None, 256, 256),
        (Some(64), 256, 64),
        (Some(1 << 20), 128, 128),
        (Some(0), 256, 32),
        (None, 16, 32),
    ];
    for (kick_budget, tx, obtained) in cases {
        let config = SocketConfig {
            kick_budget,
            ..sender(tx, 512)
        };
        let mut socket = Socket::open(&backend, &umem, &config).expect("a socket");
        assert_eq!(socket.obtained().kick_budget, NonZeroU32::new(obtained));
        send(&mut socket, &umem, tx);
        let kicks = u64::from(tx.div_ceil(obtained));
        assert_eq!(flush(&backend, &mut socket), (kicks, kicks - 1));
        socket.recycle();
        assert_eq!(umem.free() as usize, FRAMES);
    }
}

#[test]
fn a_kernel_without_the_option_sends_32_a_kick() {
    let network = SimNetwork::new(WireConfig::perfect(), 3);
    network.refuse("XDP_MAX_TX_SKB_BUDGET", Errno::ENOPROTOOPT);
    let backend = network.backend();
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let umem = umem(&mut slots);
    let config = SocketConfig {
        kick_budget: None,
        ..sender(128, 128)
    };
    let mut socket = Socket::open(&backend, &umem, &config).expect("no error");
    assert_eq!(socket.obtained().kick_budget, NonZeroU32::new(32));
    send(&mut socket, &umem, 128);
    assert_eq!(flush(&backend, &mut socket), (4, 3));
}

#[test]
fn a_full_completion_ring_says_eagain_once_and_loses_nothing() {
    let network = SimNetwork::new(WireConfig::perfect(), 4);
    let backend = network.backend();
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let umem = umem(&mut slots);
    let mut socket = Socket::open(&backend, &umem, &sender(256, 64)).expect("a socket");
    send(&mut socket, &umem, 256);
    // Two kicks fill the completion ring. Before it is reaped none can do more.
    assert_eq!(flush(&backend, &mut socket), (2, 2));
    for _ in 0..1000 {
        assert_eq!(flush(&backend, &mut socket), (0, 0));
    }
    assert_eq!(
        (socket.accounting().tx, socket.accounting().completion),
        (192, 64)
    );
    // Reaped, it takes two kicks' worth again, at once.
    for left in [128, 64, 0] {
        socket.recycle();
        let again = if left > 0 { 2 } else { 1 };
        assert_eq!(flush(&backend, &mut socket), (2, again));
        assert_eq!(socket.accounting().tx, left);
    }
    socket.recycle();
    assert_eq!(umem.free() as usize, FRAMES);
}

#[test]
fn a_full_device_is_kicked_ever_more_seldom() {
    let network = SimNetwork::new(WireConfig::perfect(), 5);
    let backend = network.backend();
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let umem = umem(&mut slots);
    let mut socket = Socket::open(&backend, &umem, &sender(256, 256)).expect("a socket");
    network.stall(true);
    send(&mut socket, &umem, 256);
    assert_eq!(
        flush(&backend, &mut socket),
        (8, 8),
        "nothing says so before"
    );
    let kicks = |socket: &mut Socket<'_, SimBackend>, flushes| {
        calls(&backend, || {
            (0..flushes).for_each(|_| socket.flush().expect("a kick"));
        })
        .kicks
    };
    assert_eq!(kicks(&mut socket, 100), 7, "after 0, 1, 2, 4, … 32 flushes");
    assert!(kicks(&mut socket, 100_000) < 110, "and then every 1,024");
    network.stall(false);
    // One to find out, and then all that is needed.
    assert_eq!(kicks(&mut socket, 1026), 8);
    assert_eq!(socket.accounting().tx, 0);
    socket.recycle();
    send(&mut socket, &umem, 256);
    assert_eq!(flush(&backend, &mut socket), (8, 7), "as before");
}

#[test]
fn a_device_that_drains_slowly_gets_many_packets_a_kick() {
    let network = SimNetwork::new(WireConfig::perfect(), 9);
    let backend = network.backend();
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let umem = umem(&mut slots);
    let config = SocketConfig {
        kick_budget: None,
        ..sender(256, 256)
    };
    let mut socket = Socket::open(&backend, &umem, &config).expect("a socket");
    network.stall(true);
    let (mut sent, mut kicks) = (0, 0);
    // Room for one more packet with each turn.
    while sent < 20_000 {
        network.drain(1);
        let room = socket.halves().1.reserve(64).len();
        send(&mut socket, &umem, room);
        sent += u64::from(room);
        kicks += calls(&backend, || socket.flush().expect("a kick")).kicks;
        socket.recycle();
    }
    assert!(kicks * 20 < sent, "{kicks} kicks for {sent} packets");
}

#[test]
fn waiting_says_whether_packets_are_there() {
    let held_back = WireConfig {
        depth: 4,
        ..WireConfig::perfect()
    };
    let network = SimNetwork::new(held_back, 6);
    let backend = network.backend();
    let (mut slots_a, mut slots_b) = (
        vec![FrameSlot::new(); FRAMES],
        vec![FrameSlot::new(); FRAMES],
    );
    let (umem_a, umem_b) = (umem(&mut slots_a), umem(&mut slots_b));
    let mut a = Socket::open(&backend, &umem_a, &sender(4, 4)).expect("socket a");
    let mut b = Socket::open(&backend, &umem_b, &SocketConfig::new(2, 0)).expect("socket b");
    assert_eq!(b.wait(Interest::RECEIVE, None), Ok(false));
    send(&mut a, &umem_a, 1);
    a.flush().expect("a kick");
    assert_eq!(b.receive(4).count(), 0, "still on the wire");
    assert_eq!(b.wait(Interest::RECEIVE, None), Ok(true));
    assert_eq!(b.receive(4).count(), 1);
}

#[test]
fn packets_that_are_there_are_not_waited_for() {
    let network = SimNetwork::new(WireConfig::perfect(), 7);
    let backend = network.backend();
    let (mut slots_a, mut slots_b) = (
        vec![FrameSlot::new(); FRAMES],
        vec![FrameSlot::new(); FRAMES],
    );
    let (umem_a, umem_b) = (umem(&mut slots_a), umem(&mut slots_b));
    let mut a = Socket::open(&backend, &umem_a, &sender(4, 4)).expect("socket a");
    let mut b = Socket::open(&backend, &umem_b, &SocketConfig::new(2, 0)).expect("socket b");
    send(&mut a, &umem_a, 2);
    a.flush().expect("a kick");
    for left in [1, 0] {
        let calls = calls(&backend, || {
            assert_eq!(b.wait(Interest::RECEIVE, Some(Duration::MAX)), Ok(true));
        });
        assert_eq!(calls.data_path(), 0, "it saw them on the ring");
        // The second time, the packet that is left is one that the receiver knows of already.
        assert_eq!(b.receive(1).count(), 1);
        assert_eq!(b.accounting().rx, left);
    }
    let none = calls(&backend, || {
        assert_eq!(b.wait(Interest::RECEIVE, None), Ok(false));
    });
    assert_eq!(none.waits, 1, "the ring is empty, so the kernel is asked");
    let other = Interest {
        receive: false,
        transmit: false,
    };
    send(&mut a, &umem_a, 1);
    a.flush().expect("a kick");
    let other = calls(&backend, || {
        assert_eq!(b.wait(other, None), Ok(false));
    });
    assert_eq!(other.waits, 1, "packets were not asked for");
}

#[test]
fn room_to_send_is_waited_for_until_the_ring_is_half_empty() {
    let network = SimNetwork::new(WireConfig::perfect(), 8);
    let backend = network.backend();
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let umem = umem(&mut slots);
    let mut socket = Socket::open(&backend, &umem, &sender(64, 64)).expect("a socket");
    let room = Interest {
        receive: false,
        transmit: true,
    };
    let wait = |socket: &mut Socket<'_, SimBackend>, is_ready| {
        let calls = calls(&backend, || {
            assert_eq!(socket.wait(room, None), Ok(is_ready))
        });
        (calls.kicks, calls.waits)
    };
    network.stall(true);
    send(&mut socket, &umem, 32);
    socket.flush().expect("a kick");
    assert_eq!(wait(&mut socket, true), (0, 0), "half full");
    send(&mut socket, &umem, 1);
    socket.flush().expect("a kick");
    assert_eq!(wait(&mut socket, false), (0, 1), "more than half full");
    network.stall(false);
    assert_eq!(
        wait(&mut socket, true),
        (0, 1),
        "waiting sends one call's worth"
    );
    assert_eq!(wait(&mut socket, true), (0, 0));
    assert_eq!(socket.accounting().tx, 1);
}

/// A socket in zero-copy mode, of a driver.
fn zero_copy(driver: SimDriver, seed: u64) -> (SimNetwork, SimBackend) {
    let network = SimNetwork::new(WireConfig::perfect(), seed);
    network.offer_zero_copy(driver);
    let backend = network.backend();
    (network, backend)
}

const DRIVERS: [SimDriver; 2] = [SimDriver::IGB, SimDriver::VIRTIO_NET];

#[test]
fn in_zero_copy_mode_a_batch_is_kicked_once_however_long_the_driver_takes() {
    for driver in DRIVERS {
        let (network, backend) = zero_copy(driver, 10);
        let mut slots = vec![FrameSlot::new(); FRAMES];
        let umem = umem(&mut slots);
        let mut socket = Socket::open(&backend, &umem, &sender(256, 256)).expect("a socket");
        assert!(socket.obtained().zero_copy);
        for _ in 0..100 {
            send(&mut socket, &umem, 200);
            assert_eq!(flush(&backend, &mut socket), (1, 0));
            for _ in 0..1000 {
                assert_eq!(flush(&backend, &mut socket), (0, 0), "told already");
            }
            // 64 a round, and the driver goes on by itself.
            for left in [136, 72, 8, 0] {
                network.pass_time();
                assert_eq!(flush(&backend, &mut socket), (0, 0));
                assert_eq!(socket.halves().1.waiting(), left);
            }
            socket.recycle();
        }
    }
}

#[test]
fn in_zero_copy_mode_a_kick_that_was_lost_is_made_again() {
    for errno in [Errno::EAGAIN, Errno::EBUSY, Errno::ENETDOWN] {
        let (network, backend) = zero_copy(SimDriver::IGB, 11);
        let mut slots = vec![FrameSlot::new(); FRAMES];
        let umem = umem(&mut slots);
        let mut socket = Socket::open(&backend, &umem, &sender(64, 64)).expect("a socket");
        let kicks = |socket: &mut Socket<'_, SimBackend>, flushes| {
            calls(&backend, || {
                (0..flushes).for_each(|_| socket.flush().expect("transient"));
            })
            .kicks
        };
        network.fail_kicks(Some(errno));
        send(&mut socket, &umem, 1);
        assert_eq!(kicks(&mut socket, 1), 1);
        assert_eq!(kicks(&mut socket, 4095), 0);
        assert_eq!(kicks(&mut socket, 1), 1);
        assert_eq!(kicks(&mut socket, 8191), 0, "twice as many");
        network.fail_kicks(None);
        assert_eq!(kicks(&mut socket, 1), 1);
        network.pass_time();
        assert_eq!(socket.halves().1.waiting(), 0, "{errno}");
        // A wait in which nothing comes is as good as many looks, and kicks by itself.
        socket.recycle();
        network.fail_kicks(Some(errno));
        send(&mut socket, &umem, 1);
        assert_eq!(kicks(&mut socket, 1), 1);
        assert_eq!(socket.wait(Interest::RECEIVE, None), Ok(false));
        network.fail_kicks(None);
        assert_eq!(kicks(&mut socket, 1), 1);
        network.pass_time();
        assert_eq!(socket.halves().1.waiting(), 0, "{errno}");
    }
}

#[test]
fn in_zero_copy_mode_a_full_completion_ring_is_told_once_it_is_reaped() {
    let (network, backend) = zero_copy(SimDriver::IGB, 12);
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let umem = umem(&mut slots);
    let mut socket = Socket::open(&backend, &umem, &sender(64, 32)).expect("a socket");
    send(&mut socket, &umem, 64);
    assert_eq!(flush(&backend, &mut socket), (1, 0));
    network.pass_time();
    assert_eq!(socket.accounting().completion, 32);
    assert_eq!(flush(&backend, &mut socket), (0, 0), "it can take none");
    socket.recycle();
    assert_eq!(flush(&backend, &mut socket), (1, 0));
    network.pass_time();
    assert_eq!(socket.halves().1.waiting(), 0);
}

#[test]
fn a_driver_that_sends_nothing_without_a_program_says_so() {
    let (network, backend) = zero_copy(SimDriver::IGB, 13);
    network.attach_program(false);
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let umem = umem(&mut slots);
    let mut socket = Socket::open(&backend, &umem, &sender(64, 64)).expect("a socket");
    send(&mut socket, &umem, 1);
    assert_eq!(socket.flush(), Err(Errno::EINVAL));
    network.attach_program(true);
    assert_eq!(flush(&backend, &mut socket), (1, 0), "tried again at once");
    network.pass_time();
    assert_eq!(socket.halves().1.waiting(), 0);
}

#[test]
fn a_socket_that_only_sends_wakes_nobody_for_its_fill_ring() {
    for driver in DRIVERS {
        let (network, backend) = zero_copy(driver, 14);
        let mut slots = vec![FrameSlot::new(); FRAMES];
        let umem = umem(&mut slots);
        let config = SocketConfig {
            fill_frames: Some(16),
            ..sender(64, 64)
        };
        let mut socket = Socket::open(&backend, &umem, &config).expect("a socket");
        assert!(
            socket.halves().0.needs_wakeup(),
            "the card could do with more"
        );
        for _ in 0..20_000 {
            let room = socket.halves().1.reserve(32).len();
            send(&mut socket, &umem, room);
            flush(&backend, &mut socket);
            network.pass_time();
            socket.recycle();
        }
        assert_eq!(backend.calls().wakes, 0);
    }
}

/// Sends bursts to a receiver with `lent` frames until `packets` have come. Returns the calls of
/// the receiver, which never waits.
fn flood(driver: SimDriver, lent: u32, burst: u32, packets: u64) -> Calls {
    let (network, backend) = zero_copy(driver, 15);
    let (mut slots_a, mut slots_b) = (
        vec![FrameSlot::new(); FRAMES],
        vec![FrameSlot::new(); FRAMES],
    );
    let (umem_a, umem_b) = (umem(&mut slots_a), umem(&mut slots_b));
    let mut sender = Socket::open(&backend, &umem_a, &sender(256, 256)).expect("a sender");
    let config = SocketConfig {
        fill_frames: Some(lent),
        ..SocketConfig::new(2, 0)
    };
    let mut receiver = Socket::open(&backend, &umem_b, &config).expect("a receiver");
    let (mut received, mut total) = (0, Calls::default());
    for _ in 0..100_000 {
        send(&mut sender, &umem_a, burst);
        sender.flush().expect("a kick");
        network.pass_time();
        sender.recycle();
        let calls = calls(&backend, || {
            received += receiver.receive(u32::MAX).count() as u64;
            receiver.recycle();
            receiver.flush().expect("a wake");
        });
        total.wakes += calls.wakes;
        network.pass_time();
        if received >= packets {
            return total;
        }
    }
    panic!("only {received} packets came, of a sender that does not stop");
}

#[test]
fn a_receiver_with_a_filled_ring_wakes_nobody() {
    for driver in DRIVERS {
        let wakes = flood(driver, 400, 60, 20_000).wakes;
        assert!(wakes <= 4, "{wakes} wakes of {driver:?}");
    }
}

#[test]
fn a_receiver_with_few_frames_loses_no_wake_up() {
    for driver in DRIVERS {
        for (lent, burst) in [(1, 1), (8, 8), (16, 60), (64, 60), (70, 64)] {
            let packets = 5_000;
            let wakes = flood(driver, lent, burst, packets).wakes;
            let turns = packets / u64::from(lent.min(burst)) + 2;
            assert!(
                wakes <= turns,
                "{wakes} in {turns} turns: {lent} lent, {driver:?}"
            );
        }
    }
}

#[test]
fn a_flag_that_is_set_after_it_was_found_clear_is_found_all_the_same() {
    for driver in DRIVERS {
        for waits in [false, true] {
            let (network, backend) = zero_copy(driver, 16);
            let (mut slots_a, mut slots_b) = (
                vec![FrameSlot::new(); FRAMES],
                vec![FrameSlot::new(); FRAMES],
            );
            let (umem_a, umem_b) = (umem(&mut slots_a), umem(&mut slots_b));
            let mut from = Socket::open(&backend, &umem_a, &sender(256, 256)).expect("a sender");
            let config = SocketConfig {
                fill_frames: Some(8),
                ..SocketConfig::new(2, 0)
            };
            let mut to = Socket::open(&backend, &umem_b, &config).expect("a receiver");
            send(&mut from, &umem_a, 8);
            from.flush().expect("a kick");
            network.pass_time();
            // The driver has found the fill ring empty; the flag comes late.
            network.ask_for_frames(false);
            assert_eq!(to.receive(8).count(), 8);
            to.recycle();
            to.flush().expect("nothing to do");
            network.ask_for_frames(true);
            assert_eq!(backend.calls().wakes, 0);
            if waits {
                let _ = to.wait(Interest::RECEIVE, None).expect("a wait");
            } else {
                (0..4096).for_each(|_| to.flush().expect("a wake"));
                assert_eq!(backend.calls().wakes, 1);
            }
            network.pass_time();
            from.recycle();
            send(&mut from, &umem_a, 8);
            from.flush().expect("a kick");
            network.pass_time();
            assert_eq!(to.receive(8).count(), 8, "it has frames again");
        }
    }
}

//! How often a socket calls the kernel to send, to look and to wait: the numbers, on simulated
//! drivers. That no call is omitted, and none repeated without a cause, is the model's to check.

use std::num::NonZeroU32;
use std::time::Duration;

use xskit_core::backend::{Backend, Calls, Interest};
use xskit_core::sim::{SimBackend, SimDriver, SimNetwork, WireConfig};
use xskit_core::{Errno, Socket, SocketConfig};

use super::{SimSocket, network, send, size, with_umems};

const FRAMES: usize = 512;

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

/// A socket that lends frames to receive into.
fn receiver(lent: u32) -> SocketConfig {
    SocketConfig {
        fill_frames: Some(lent),
        ..SocketConfig::new(2, 0)
    }
}

/// The kicks, wakes and waits that an act makes.
fn calls(backend: &SimBackend, act: impl FnOnce()) -> (u64, u64, u64) {
    let of = |calls: Calls| (calls.kicks, calls.wakes, calls.waits);
    let before = of(backend.calls());
    act();
    let after = of(backend.calls());
    (after.0 - before.0, after.1 - before.1, after.2 - before.2)
}

/// The kicks of a flush, which makes no other call.
fn flush(backend: &SimBackend, socket: &mut SimSocket<'_>) -> u64 {
    let (kicks, wakes, waits) = calls(backend, || socket.flush().expect("a kick"));
    assert_eq!((wakes, waits), (0, 0));
    kicks
}

#[test]
fn a_batch_is_kicked_as_often_as_the_budget_needs() {
    let (all, refused) = (network(), network());
    refused.refuse("XDP_MAX_TX_SKB_BUDGET", Errno::ENOPROTOOPT);
    // The budget that is wanted, the TX ring's size, and the budget that is obtained.
    let cases = [
        ("the whole ring", &all, None, 256, 256),
        ("as told", &all, Some(64), 256, 64),
        ("no more than the ring", &all, Some(1 << 20), 128, 128),
        ("no less than every kernel", &all, Some(0), 256, 32),
        ("nor with a smaller ring", &all, None, 16, 32),
        ("a kernel without the option", &refused, None, 128, 32),
    ];
    for (case, network, kick_budget, tx, obtained) in cases {
        with_umems(network, FRAMES, |backend, [umem]| {
            let config = SocketConfig {
                kick_budget,
                ..sender(tx, 512)
            };
            let mut socket = Socket::open(backend, umem, &config).expect("a socket");
            let budget = socket.obtained().kick_budget;
            assert_eq!(budget, NonZeroU32::new(obtained), "{case}");
            for packets in [0, 1, tx / 2 + 1, tx] {
                send(&mut socket, umem, packets);
                let kicks = u64::from(packets.div_ceil(obtained));
                let again = backend.calls().again;
                assert_eq!(flush(backend, &mut socket), kicks, "{case}");
                // All but the last one left something to send.
                let again = backend.calls().again - again;
                assert_eq!(again, kicks.saturating_sub(1), "{case}");
                socket.recycle();
                assert_eq!(umem.free() as usize, FRAMES);
            }
        });
    }
}

#[test]
fn a_device_that_drains_slowly_gets_many_packets_a_kick() {
    let network = network();
    with_umems(&network, FRAMES, |backend, [umem]| {
        let config = SocketConfig {
            kick_budget: None,
            ..sender(256, 256)
        };
        let mut socket = Socket::open(backend, umem, &config).expect("a socket");
        network.stall(true);
        let (mut sent, mut kicks) = (0, 0);
        // Room for one more packet with each turn.
        while sent < 20_000 {
            network.drain(1);
            let room = socket.halves().1.reserve(64).len();
            send(&mut socket, umem, room);
            sent += u64::from(room);
            kicks += flush(backend, &mut socket);
            socket.recycle();
        }
        assert!(kicks * 20 < sent, "{kicks} kicks for {sent} packets");
    });
}

#[test]
fn packets_that_are_there_are_not_waited_for() {
    let held_back = WireConfig {
        depth: 4,
        ..WireConfig::perfect()
    };
    let network = SimNetwork::new(held_back, 6);
    with_umems(&network, FRAMES, |backend, [umem, others]| {
        let mut a = Socket::open(backend, umem, &sender(4, 4)).expect("socket a");
        let mut b = Socket::open(backend, others, &SocketConfig::new(2, 0)).expect("socket b");
        let wait = |b: &mut SimSocket<'_>, interest, is_ready| {
            let timeout = Some(Duration::MAX);
            let (kicks, wakes, waits) = calls(backend, || {
                assert_eq!(b.wait(interest, timeout), Ok(is_ready));
            });
            assert_eq!((kicks, wakes), (0, 0));
            waits
        };
        assert_eq!(wait(&mut b, Interest::RECEIVE, false), 1, "nothing");
        send(&mut a, umem, 2);
        a.flush().expect("a kick");
        assert_eq!(b.receive(4).count(), 0, "still on the wire");
        assert_eq!(wait(&mut b, Interest::RECEIVE, true), 1);
        // The second time, the packet that is left is one that the receiver knows of already.
        for left in [1, 0] {
            assert_eq!(wait(&mut b, Interest::RECEIVE, true), 0, "on the ring");
            assert_eq!(b.receive(1).count(), 1);
            assert_eq!(b.accounting().rx, left);
        }
        let other = Interest {
            receive: false,
            transmit: false,
        };
        send(&mut a, umem, 1);
        a.flush().expect("a kick");
        assert_eq!(wait(&mut b, other, false), 1, "packets were not asked for");
    });
}

#[test]
fn room_to_send_is_waited_for_until_the_ring_is_half_empty() {
    let network = network();
    with_umems(&network, FRAMES, |backend, [umem]| {
        let mut socket = Socket::open(backend, umem, &sender(64, 64)).expect("a socket");
        let room = Interest {
            receive: false,
            transmit: true,
        };
        let wait = |socket: &mut SimSocket<'_>, is_ready| {
            let (kicks, _, waits) = calls(backend, || {
                assert_eq!(socket.wait(room, None), Ok(is_ready));
            });
            assert_eq!(kicks, 0);
            waits
        };
        network.stall(true);
        send(&mut socket, umem, 32);
        socket.flush().expect("a kick");
        assert_eq!(wait(&mut socket, true), 0, "half full");
        send(&mut socket, umem, 1);
        socket.flush().expect("a kick");
        assert_eq!(wait(&mut socket, false), 1, "more than half full");
        network.stall(false);
        assert_eq!(wait(&mut socket, true), 1, "it sends one call's worth");
        assert_eq!(wait(&mut socket, true), 0);
        assert_eq!(socket.accounting().tx, 1);
    });
}

const DRIVERS: [SimDriver; 2] = [SimDriver::IGB, SimDriver::VIRTIO_NET];

/// A network of a driver with a zero-copy mode.
fn zero_copy(driver: SimDriver) -> SimNetwork {
    let network = network();
    network.offer_zero_copy(driver);
    network
}

#[test]
fn in_zero_copy_mode_a_batch_is_kicked_once_however_long_the_driver_takes() {
    for driver in DRIVERS {
        let network = zero_copy(driver);
        with_umems(&network, FRAMES, |backend, [umem]| {
            let mut socket = Socket::open(backend, umem, &sender(256, 256)).expect("a socket");
            assert!(socket.obtained().zero_copy);
            for _ in 0..100 {
                send(&mut socket, umem, 200);
                assert_eq!(flush(backend, &mut socket), 1);
                for _ in 0..1000 {
                    assert_eq!(flush(backend, &mut socket), 0, "told already");
                }
                // 64 a round, and the driver goes on by itself.
                for left in [136, 72, 8, 0] {
                    network.pass_time();
                    assert_eq!(flush(backend, &mut socket), 0);
                    assert_eq!(socket.halves().1.waiting(), left);
                }
                socket.recycle();
            }
        });
    }
}

#[test]
fn a_kick_that_finds_the_device_busy_or_down_is_counted_and_no_error() {
    let errnos = [Errno::EAGAIN, Errno::EBUSY, Errno::ENOBUFS, Errno::ENETDOWN];
    for (at, errno) in errnos.into_iter().enumerate() {
        let network = zero_copy(SimDriver::IGB);
        network.fail_kicks(Some(errno));
        with_umems(&network, FRAMES, |backend, [umem]| {
            let mut socket = Socket::open(backend, umem, &sender(64, 64)).expect("a socket");
            send(&mut socket, umem, 1);
            assert_eq!(flush(backend, &mut socket), 1, "{errno}");
            let of = backend.calls();
            let counted = [of.again, of.busy, of.no_buffers, of.net_down];
            let mut expected = [0; 4];
            expected[at] = 1;
            assert_eq!(counted, expected, "{errno}");
        });
    }
}

#[test]
fn a_driver_that_sends_nothing_without_a_program_says_so() {
    let network = zero_copy(SimDriver::IGB);
    network.attach_program(false);
    with_umems(&network, FRAMES, |backend, [umem]| {
        let mut socket = Socket::open(backend, umem, &sender(64, 64)).expect("a socket");
        send(&mut socket, umem, 1);
        assert_eq!(socket.flush(), Err(Errno::EINVAL));
        network.attach_program(true);
        assert_eq!(flush(backend, &mut socket), 1, "tried again at once");
        network.pass_time();
        assert_eq!(socket.halves().1.waiting(), 0);
    });
}

#[test]
fn a_socket_that_only_sends_wakes_nobody_for_its_fill_ring() {
    for driver in DRIVERS {
        let network = zero_copy(driver);
        with_umems(&network, FRAMES, |backend, [umem]| {
            let config = SocketConfig {
                fill_frames: Some(16),
                ..sender(64, 64)
            };
            let mut socket = Socket::open(backend, umem, &config).expect("a socket");
            let asks = socket.halves().0.needs_wakeup();
            assert!(asks, "the card could do with more");
            for _ in 0..20_000 {
                let room = socket.halves().1.reserve(32).len();
                send(&mut socket, umem, room);
                flush(backend, &mut socket);
                network.pass_time();
                socket.recycle();
            }
        });
    }
}

/// Sends bursts to a receiver with `lent` frames, which never waits, until `packets` have come. It
/// may wake the driver so often.
fn flood(driver: SimDriver, lent: u32, burst: u32, packets: u64, most_wakes: u64) {
    let network = zero_copy(driver);
    with_umems(&network, FRAMES, |backend, [umem, others]| {
        let mut from = Socket::open(backend, umem, &sender(256, 256)).expect("a sender");
        let mut to = Socket::open(backend, others, &receiver(lent)).expect("a receiver");
        let (mut received, mut total) = (0, 0);
        for _ in 0..100_000 {
            send(&mut from, umem, burst);
            from.flush().expect("a kick");
            network.pass_time();
            from.recycle();
            let (_, wakes, _) = calls(backend, || {
                received += to.receive(u32::MAX).count() as u64;
                to.recycle();
                to.flush().expect("a wake");
            });
            total += wakes;
            network.pass_time();
            if received >= packets {
                let case = format!("{lent} lent, {driver:?}");
                assert!(total <= most_wakes, "{total} wakes: {case}");
                return;
            }
        }
        panic!("only {received} packets came, of a sender that does not stop");
    });
}

#[test]
fn a_receiver_wakes_nobody_or_as_often_as_its_few_frames_need() {
    for driver in DRIVERS {
        flood(driver, 400, 60, 20_000, 4);
        for (lent, burst) in [(1, 1), (8, 8), (16, 60), (64, 60), (70, 64)] {
            let packets = 5_000;
            let turns = packets / u64::from(lent.min(burst)) + 2;
            flood(driver, lent, burst, packets, turns);
        }
    }
}

#[test]
fn a_flag_that_is_set_after_it_was_found_clear_is_found_all_the_same() {
    let waits = [false, true];
    for (driver, waits) in DRIVERS
        .map(|driver| waits.map(|waits| (driver, waits)))
        .concat()
    {
        let network = zero_copy(driver);
        with_umems(&network, FRAMES, |backend, [umem, others]| {
            let mut from = Socket::open(backend, umem, &sender(256, 256)).expect("a sender");
            let mut to = Socket::open(backend, others, &receiver(8)).expect("a receiver");
            send(&mut from, umem, 8);
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
            send(&mut from, umem, 8);
            from.flush().expect("a kick");
            network.pass_time();
            assert_eq!(to.receive(8).count(), 8, "it has frames again");
        });
    }
}

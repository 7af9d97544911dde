//! The cases that can be written in safe code, through the public interface.

use std::thread;
use std::time::{Duration, Instant};

use xskit_core::abi::Statistics;
use xskit_core::backend::{Interest, SetOption};
use xskit_core::ring::RingSize;
use xskit_core::umem::FrameSize;
use xskit_core::{Errno, Socket, SocketConfig};

use super::Outcome;
use super::lab::{Buffers, Lab, Odd, Side, ethtool};
use super::traffic::{Pace, Plan, both, exchange, put, receive, send};
use crate::RealBackend;
use crate::fixture::{PATIENCE, drain, until};

/// The timeout of a wait that nothing ends.
const IN_VAIN: Duration = Duration::from_millis(200);

fn frame_size_2k() -> FrameSize {
    FrameSize::new(2048).expect("a size that the kernel takes")
}

fn slots(slots: u32) -> RingSize {
    RingSize::new(slots).expect("a power of two")
}

/// An exchange that differs from xskxceiver's default by `change`.
fn plain<B: RealBackend>(lab: &Lab<'_, B>, change: impl FnOnce(&mut Plan)) -> Outcome {
    let mut plan = Plan::default();
    change(&mut plan);
    exchange(lab, &plan, |socket, stream, pace| {
        receive(socket, stream, &plan, pace);
    });
    Outcome::Passes
}

pub(super) fn send_receive<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    plain(lab, |_| ())
}

pub(super) fn frames_of_2k<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    plain(lab, |plan| plan.buffers.size = frame_size_2k())
}

pub(super) fn single_packet<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    plain(lab, |plan| plan.packets = 1)
}

pub(super) fn poll_rx<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    plain(lab, |plan| plan.wait_to_receive = true)
}

pub(super) fn poll_tx<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    plain(lab, |plan| plan.wait_to_send = true)
}

/// The program passes every second packet to the kernel: the others arrive, in order.
pub(super) fn half_not_taken<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    plain(lab, |plan| plan.odd = Odd::Passed)
}

/// Without a sender, a wait for packets ends without any.
pub(super) fn poll_rx_in_vain<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    let buffers = Plan::default().buffers;
    let wait = || {
        lab.open(
            Side::Second,
            buffers,
            |_| (),
            |socket, _| {
                assert_eq!(socket.wait(Interest::RECEIVE, Some(IN_VAIN)), Ok(false));
            },
        );
    };
    lab.host(Side::Second).run(wait).expect("in the host");
    Outcome::Passes
}

/// Completions are not taken, so the TX ring stays full, and a wait for room ends without any.
pub(super) fn poll_tx_in_vain<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    const SLOTS: u32 = 64;
    let buffers = Buffers {
        frames: 2 * SLOTS,
        size: frame_size_2k(),
    };
    let room = Interest {
        receive: false,
        transmit: true,
    };
    let stream = lab.stream(Side::First, 2 * SLOTS, 2048);
    let wait = || {
        let small = |config: &mut SocketConfig| {
            config.fill_frames = Some(0);
            (config.tx, config.completion) = (slots(SLOTS), slots(SLOTS));
        };
        lab.open(Side::First, buffers, small, |socket, umem| {
            let mut next = 0;
            until(socket, |socket| {
                next += put(socket, umem, &stream, next..stream.packets);
                socket.flush().expect("a kick");
                next == stream.packets && socket.halves().1.waiting() == SLOTS
            });
            assert_eq!(socket.wait(room, Some(IN_VAIN)), Ok(false));
            drain(socket).expect("a kick");
            assert_eq!(socket.wait(room, Some(PATIENCE)), Ok(true));
        });
    };
    lab.host(Side::First).run(wait).expect("in the host");
    Outcome::Passes
}

/// The same two sockets send to each other, one after the other.
pub(super) fn bidirectional<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    let plan = Plan::default();
    let [there, back] =
        [Side::First, Side::Second].map(|from| lab.stream(from, plan.packets, plan.len));
    let (pace_there, pace_back) = (Pace::default(), Pace::default());
    let first = || {
        lab.open(Side::First, plan.buffers, plan.change, |socket, umem| {
            send(socket, umem, &there, &plan, &pace_there);
            receive(socket, &back, &plan, &pace_back);
        });
    };
    let second = || {
        lab.open(Side::Second, plan.buffers, plan.change, |socket, umem| {
            receive(socket, &there, &plan, &pace_there);
            send(socket, umem, &back, &plan, &pace_back);
        });
    };
    both(lab, first, second);
    Outcome::Passes
}

pub(super) fn teardown<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    for _ in 0..10 {
        plain(lab, |_| ());
    }
    Outcome::Passes
}

/// Packets longer than a frame has room for are dropped, and counted.
pub(super) fn rx_dropped<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    if lab.platform.is_zero_copy() {
        return Outcome::Skipped("zero-copy");
    }
    let mut plan = Plan {
        odd: Odd::Long(2000),
        ..Plan::default()
    };
    plan.buffers.size = frame_size_2k();
    exchange(&lab.with_mtu(3000), &plan, |socket, stream, pace| {
        receive(socket, stream, &plan, pace);
        // The last packet is to be dropped, and may be under way.
        let dropped = u64::from(plan.packets / 2);
        until(socket, |socket| statistics(socket).rx_dropped == dropped);
    });
    Outcome::Passes
}

/// Packets are not taken: the RX ring fills, later packets are counted, and the first ones are
/// there.
pub(super) fn rx_full<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    const SLOTS: u32 = 512;
    let plan = Plan {
        packets: SLOTS + SLOTS / 2,
        batch: SLOTS,
        change: |config| config.rx = slots(SLOTS),
        ..Plan::default()
    };
    exchange(lab, &plan, |socket, stream, pace| {
        pace.open();
        let pace_by_ring = |socket: &mut Socket<'_, B>| pace.advance(socket.accounting().rx);
        until_counted(socket, |counted| counted.rx_ring_full, pace_by_ring);
        let mut came_first = stream.clone();
        came_first.packets = SLOTS;
        receive(socket, &came_first, &plan, pace);
        pace.advance(plan.packets);
    });
    Outcome::Passes
}

/// The fill ring is not refilled: packets that find it empty are counted, and the first ones are
/// there.
pub(super) fn fill_empty<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    const LENT: u32 = 512;
    let plan = Plan {
        packets: LENT + LENT / 2,
        buffers: Buffers {
            frames: LENT,
            ..Plan::default().buffers
        },
        change: |config| config.fill_frames = Some(LENT),
        ..Plan::default()
    };
    exchange(lab, &plan, |socket, stream, pace| {
        pace.open();
        let mut held = Vec::new();
        until(socket, |socket| {
            for packet in socket.receive(plan.batch) {
                if stream.has(&packet) {
                    let number = held.len() as u32;
                    assert_eq!(*packet, *stream.packet(number), "packet {number}");
                    held.push(packet);
                }
            }
            pace.advance(held.len() as u32);
            socket.flush().expect("a wake");
            held.len() as u32 == LENT
        });
        pace.advance(plan.packets);
        until_counted(socket, |counted| counted.rx_fill_ring_empty_descs, |_| ());
    });
    Outcome::Passes
}

fn statistics<B: RealBackend>(socket: &Socket<'_, B>) -> Statistics {
    socket.statistics().expect("statistics")
}

/// Wakes the kernel until it has counted something, and leaves packets on the RX ring.
fn until_counted<'u, B: RealBackend>(
    socket: &mut Socket<'u, B>,
    of: fn(&Statistics) -> u64,
    mut turn: impl FnMut(&mut Socket<'u, B>),
) {
    let deadline = Instant::now() + PATIENCE;
    while of(&statistics(socket)) == 0 {
        assert!(Instant::now() < deadline, "{:?}", statistics(socket));
        turn(socket);
        socket.flush().expect("a wake");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A kick ended by its budget takes exactly its budget off the TX ring.
pub(super) fn tx_consumer<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    const BUDGET: u32 = 32;
    if lab.platform.is_zero_copy() {
        return Outcome::Skipped("zero-copy");
    }
    let stream = lab.stream(Side::First, BUDGET + 1, 64);
    let buffers = Plan::default().buffers;
    let kick = || {
        lab.open(
            Side::First,
            buffers,
            |_| (),
            |socket, umem| {
                // The socket expects one kick to send its whole ring, so a flush makes one; but
                // that kick does not.
                let less = SetOption::TransmitBudget(BUDGET);
                match socket.backend().set_option(socket.handle(), less) {
                    Err(Errno::ENOPROTOOPT) => return false,
                    set => set.expect("a smaller budget"),
                }
                assert_eq!(put(socket, umem, &stream, 0..BUDGET + 1), BUDGET + 1);
                socket.flush().expect("a kick");
                assert_eq!(socket.halves().1.waiting(), 1, "{BUDGET} were taken");
                drain(socket).expect("a kick");
                true
            },
        )
    };
    match lab.host(Side::First).run(kick).expect("in the host") {
        true => Outcome::Passes,
        false => Outcome::Unavailable("XDP_MAX_TX_SKB_BUDGET, which Linux has from 6.17 on"),
    }
}

/// The maximum and current sizes of a device's rings: (RX, TX) each.
struct DeviceRings {
    most: (u32, u32),
    now: (u32, u32),
}

impl DeviceRings {
    fn of<B: RealBackend>(lab: &Lab<'_, B>) -> Self {
        let text = ethtool(lab.host(Side::First), &["-g"]);
        let values = |head| {
            let lines = text.lines().filter_map(move |line| line.strip_prefix(head));
            let values = lines.filter_map(|value| value.trim().parse().ok());
            values.collect::<Vec<u32>>()
        };
        let ([rx_most, rx], [tx_most, tx]) = (&values("RX:")[..], &values("TX:")[..]) else {
            panic!("not two sizes of each: {text}");
        };
        Self {
            most: (*rx_most, *tx_most),
            now: (*rx, *tx),
        }
    }

    /// Resizes both ends' rings.
    fn set<B: RealBackend>(lab: &Lab<'_, B>, (rx, tx): (u32, u32)) {
        for side in [Side::First, Side::Second] {
            let sizes = ["-G", "rx", &rx.to_string(), "tx", &tx.to_string()];
            ethtool(lab.host(side), &sizes);
        }
        lab.await_carrier();
    }
}

/// Runs `task` with the device's rings at a size computed from their maximum.
fn with_device_rings<B: RealBackend>(
    lab: &Lab<'_, B>,
    size: impl FnOnce((u32, u32)) -> (u32, u32),
    task: impl FnOnce((u32, u32)),
) -> Outcome {
    if !lab.platform.is_zero_copy() {
        return Outcome::Skipped("veth has no rings of its own");
    }
    let rings = DeviceRings::of(lab);
    let size = size(rings.most);
    DeviceRings::set(lab, size);
    task(size);
    DeviceRings::set(lab, rings.now);
    Outcome::Passes
}

pub(super) fn smallest_rings<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    let smallest = |_| (128, 64);
    with_device_rings(lab, smallest, |(rx, tx)| {
        for batch in [1, tx - 1] {
            plain(lab, |plan| (plan.batch, plan.window) = (batch, rx / 2));
        }
    })
}

pub(super) fn largest_rings<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    const SLOTS: u32 = 8192;
    with_device_rings(
        lab,
        |most| most,
        |(rx, tx)| {
            for batch in [2048, tx - 8] {
                plain(lab, |plan| {
                    (plan.packets, plan.batch, plan.window) = (SLOTS, batch, rx / 2);
                    plan.buffers.frames = SLOTS;
                    plan.change = |config| {
                        (config.fill, config.completion) = (slots(SLOTS), slots(SLOTS));
                        (config.rx, config.tx) = (slots(SLOTS), slots(SLOTS));
                        config.fill_frames = Some(SLOTS);
                    };
                });
            }
        },
    )
}

//! The cases that safe code can be written for: through the public interface, as any program would.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use xskit_core::backend::{Interest, SetOption};
use xskit_core::ring::RingSize;
use xskit_core::umem::FrameSize;
use xskit_core::{Errno, Socket, SocketConfig};

use super::Outcome;
use super::lab::{Buffers, Lab, Side, ethtool};
use super::traffic::{Pace, Plan, both, exchange, put, receive, send};
use crate::RealBackend;
use crate::fixture::{PATIENCE, drain, until};

/// How long a wait is to last that nothing can end.
const IN_VAIN: Duration = Duration::from_millis(200);

fn frame_size_2k() -> FrameSize {
    FrameSize::new(2048).expect("a size that the kernel takes")
}

fn slots(slots: u32) -> RingSize {
    RingSize::new(slots).expect("a power of two")
}

/// An exchange that differs from xskxceiver's default in what `change` says.
fn plain<B: RealBackend>(lab: &Lab<'_, B>, change: impl FnOnce(&mut Plan)) -> Outcome {
    let mut plan = Plan::default();
    change(&mut plan);
    exchange(lab, plan);
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

/// Each second packet is none that the program takes: the others come, in order.
pub(super) fn half_not_taken<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    plain(lab, |plan| plan.step = 2)
}

/// Nobody sends, and a wait for packets ends without any.
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

/// Nobody takes completions, so the TX ring stays full, and a wait for room ends without any.
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
        exchange(lab, Plan::default());
    }
    Outcome::Passes
}

/// Packets longer than a frame has room for are dropped, and counted.
pub(super) fn rx_dropped<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    const PACKETS: u32 = 512;
    if lab.platform.is_zero_copy() {
        return Outcome::Skipped("zero-copy");
    }
    let lab = &lab.with_mtu(3000);
    let plan = Plan::default();
    let small = Buffers {
        size: frame_size_2k(),
        ..plan.buffers
    };
    let long = lab.stream(Side::First, PACKETS, 2000);
    let short = lab.stream(Side::First, PACKETS, 64);
    let [pace, pace_of_short] = [(); 2].map(|()| Pace::default());
    let sender = || {
        lab.open(Side::First, plan.buffers, plan.change, |socket, umem| {
            send(
                socket,
                umem,
                &long,
                &Plan {
                    window: PACKETS,
                    ..plan
                },
                &pace,
            );
            send(socket, umem, &short, &plan, &pace_of_short);
        });
    };
    let receiver = || {
        lab.open(Side::Second, small, plan.change, |socket, _| {
            let dropped =
                |socket: &Socket<'_, B>| socket.statistics().expect("statistics").rx_dropped;
            assert_eq!(dropped(socket), 0);
            pace.open();
            until(socket, |socket| dropped(socket) == u64::from(PACKETS));
            receive(socket, &short, &plan, &pace_of_short);
            assert_eq!(dropped(socket), u64::from(PACKETS));
        });
    };
    both(lab, sender, receiver);
    Outcome::Passes
}

/// Nobody takes packets: the RX ring fills, what comes then is counted, and what came first is there.
pub(super) fn rx_full<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    const SLOTS: u32 = 512;
    let plan = Plan {
        packets: SLOTS + SLOTS / 2,
        window: u32::MAX / 2,
        change: |config| config.rx = slots(SLOTS),
        ..Plan::default()
    };
    let stream = lab.stream(Side::First, plan.packets, plan.len);
    let came_first = {
        let mut stream = stream.clone();
        stream.packets = SLOTS;
        stream
    };
    let pace = Pace::default();
    let sender = || {
        lab.open(Side::First, plan.buffers, plan.change, |socket, umem| {
            send(socket, umem, &stream, &plan, &pace);
        });
    };
    let receiver = || {
        lab.open(Side::Second, plan.buffers, plan.change, |socket, _| {
            pace.open();
            let deadline = Instant::now() + PATIENCE;
            while socket.statistics().expect("statistics").rx_ring_full == 0 {
                assert!(Instant::now() < deadline, "{:?}", socket.statistics());
                socket.flush().expect("a wake");
                std::thread::sleep(Duration::from_millis(1));
            }
            let whole_ring = Plan {
                batch: SLOTS,
                ..plan
            };
            receive(socket, &came_first, &whole_ring, &pace);
        });
    };
    both(lab, sender, receiver);
    Outcome::Passes
}

/// Nobody fills the fill ring: what comes when it is empty is counted, and what came first is there.
pub(super) fn fill_empty<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    const LENT: u32 = 512;
    let plan = Plan {
        packets: LENT + LENT / 2,
        ..Plan::default()
    };
    let all_lent = Buffers {
        frames: LENT,
        ..plan.buffers
    };
    let stream = lab.stream(Side::First, plan.packets, plan.len);
    let pace = Pace::default();
    let sender = || {
        lab.open(Side::First, plan.buffers, plan.change, |socket, umem| {
            send(socket, umem, &stream, &plan, &pace);
        });
    };
    let receiver = || {
        let lend = |config: &mut SocketConfig| config.fill_frames = Some(LENT);
        lab.open(Side::Second, all_lent, lend, |socket, _| {
            pace.open();
            let mut held = VecDeque::new();
            until(socket, |socket| {
                for packet in socket.receive(plan.batch) {
                    if stream.has(&packet) {
                        let number = held.len() as u32;
                        assert_eq!(*packet, *stream.packet(number), "packet {number}");
                        held.push_back(packet);
                    }
                }
                pace.advance(held.len() as u32);
                socket.flush().expect("a wake");
                held.len() as u32 == LENT
            });
            let deadline = Instant::now() + PATIENCE;
            while socket
                .statistics()
                .expect("statistics")
                .rx_fill_ring_empty_descs
                == 0
            {
                assert!(Instant::now() < deadline, "{:?}", socket.statistics());
                socket.flush().expect("a wake");
                std::thread::sleep(Duration::from_millis(1));
            }
        });
    };
    both(lab, sender, receiver);
    Outcome::Passes
}

/// A kick that its budget ends shows on the TX ring just what it took.
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
                // The socket takes a kick to send its whole ring, so a flush makes one; but it doesn't.
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
        false => Outcome::Unavailable("XDP_MAX_TX_SKB_BUDGET, which Linux has from 6.18 on"),
    }
}

/// What a device's rings can hold, and hold now: (RX, TX) each.
struct DeviceRings {
    most: (u32, u32),
    now: (u32, u32),
}

impl DeviceRings {
    fn of<B: RealBackend>(lab: &Lab<'_, B>) -> Option<Self> {
        let text = ethtool(lab.host(Side::First), &["-g"]).ok()?;
        let values = |head| {
            let lines = text.lines().filter_map(move |line| line.strip_prefix(head));
            lines
                .filter_map(|value| value.trim().parse().ok())
                .collect::<Vec<u32>>()
        };
        let ([rx_most, rx], [tx_most, tx]) = (&values("RX:")[..], &values("TX:")[..]) else {
            return None;
        };
        Some(Self {
            most: (*rx_most, *tx_most),
            now: (*rx, *tx),
        })
    }

    /// Resizes both ends' rings; whether they could be.
    fn set<B: RealBackend>(lab: &Lab<'_, B>, (rx, tx): (u32, u32)) -> bool {
        let (rx, tx) = (rx.to_string(), tx.to_string());
        let sizes = ["-G", "rx", &rx, "tx", &tx];
        let set = |side| ethtool(lab.host(side), &sizes).is_ok();
        let both = set(Side::First) && set(Side::Second);
        lab.await_carrier();
        both
    }
}

/// Runs `task` with the device's rings at a size that is made of what they can hold, if it has any.
fn with_device_rings<B: RealBackend>(
    lab: &Lab<'_, B>,
    size: impl FnOnce((u32, u32)) -> (u32, u32),
    task: impl FnOnce((u32, u32)),
) -> Outcome {
    const NONE: Outcome = Outcome::Skipped("the device's rings have one size");
    let Some(rings) = DeviceRings::of(lab) else {
        return NONE;
    };
    let size = size(rings.most);
    if !DeviceRings::set(lab, size) {
        return NONE;
    }
    task(size);
    assert!(DeviceRings::set(lab, rings.now), "the size as it was");
    Outcome::Passes
}

pub(super) fn smallest_rings<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    let smallest = |_| (128, 64);
    with_device_rings(lab, smallest, |(_, tx)| {
        for batch in [1, tx - 1] {
            plain(lab, |plan| plan.batch = batch);
        }
    })
}

pub(super) fn largest_rings<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    const SLOTS: u32 = 8192;
    with_device_rings(
        lab,
        |most| most,
        |(rx, tx)| {
            let plan = Plan {
                packets: SLOTS,
                window: SLOTS - rx,
                buffers: Buffers {
                    frames: SLOTS,
                    size: FrameSize::DEFAULT,
                },
                change: |config| {
                    let all = slots(SLOTS);
                    (config.fill, config.completion) = (all, all);
                    (config.rx, config.tx) = (all, all);
                    config.fill_frames = Some(SLOTS);
                },
                ..Plan::default()
            };
            for batch in [2048, tx - 8] {
                exchange(lab, Plan { batch, ..plan });
            }
        },
    )
}

//! What happens at every limit, defined: each test drives the socket there, and says what it sees.
//!
//! The oracle compares everything after every step; the numbers below say that the limit was met.

use xskit_core::backend::RingKind;
use xskit_core::ring::RingSize;
use xskit_model::op::{Answer, Op, Transient};
use xskit_model::oracle::Place;
use xskit_model::{Config, World};

const LEN: u16 = 60;

/// Just before the counters wrap.
const START: u32 = u32::MAX - 1;

/// Runs `ops` one after the other from a socket just opened, and lets `check` look at the end.
fn reach(config: &Config, ops: &[Op], check: impl FnOnce(&mut World<'_>)) {
    World::with(config, |world| {
        for op in [Op::Open { refused: None }].iter().chain(ops) {
            if let Err(difference) = world.apply(*op) {
                panic!("{op:?}: {difference}");
            }
        }
        check(world);
    });
}

fn apply(world: &mut World<'_>, op: Op) {
    if let Err(difference) = world.apply(op) {
        panic!("{op:?}: {difference}");
    }
}

/// Frames by place: stash, fill ring, kernel to receive, RX ring, TX ring, kernel to send,
/// completion ring.
fn places(world: &World<'_>) -> [u32; 7] {
    [
        Place::Stash,
        Place::FillRing,
        Place::KernelReceive,
        Place::RxRing,
        Place::TxRing,
        Place::KernelSend,
        Place::CompletionRing,
    ]
    .map(|place| world.oracle().count(place))
}

const DELIVER: [Op; 2] = [
    Op::KernelTakesFill { count: 1 },
    Op::KernelDelivers {
        pick: 0,
        start: 256,
        len: LEN,
    },
];

const FLUSH_TAKEN: Op = Op::Flush(Answer::Takes(32));

const RECEIVE: Op = Op::Receive {
    max: 64,
    take: 64,
    keep: false,
};

#[test]
fn rings_of_one_slot_pass_one_packet_at_a_time() {
    let mut config = Config::even(4, 1, START);
    config.fill_frames = Some(4);
    let full = [Op::Burst { count: 2 }];
    reach(&config, &full, |world| {
        // The second packet found the ring full, and its frame is free again.
        assert_eq!(places(world), [2, 1, 0, 0, 0, 0, 0]);
        assert_eq!(world.oracle().count(Place::Sent), 1);
        for _ in 0..8 {
            apply(world, FLUSH_TAKEN);
            apply(world, Op::KernelCompletes { pick: 0, count: 1 });
            for op in DELIVER {
                apply(world, op);
            }
            apply(world, RECEIVE);
            apply(world, Op::Recycle);
            apply(world, Op::Burst { count: 1 });
        }
        assert_eq!(world.oracle().counts(), (9, 8, 8));
    });
}

#[test]
fn a_umem_of_one_frame_is_passed_to_and_fro() {
    let mut config = Config::even(1, 2, START);
    config.fill_frames = Some(1);
    reach(&config, &[Op::Alloc { len: LEN }], |world| {
        assert_eq!(places(world), [0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(
            world.oracle().count(Place::Application),
            0,
            "the kernel has it"
        );
        for _ in 0..8 {
            for op in DELIVER {
                apply(world, op);
            }
            apply(
                world,
                Op::Receive {
                    max: 1,
                    take: 1,
                    keep: true,
                },
            );
            apply(world, Op::Refill);
            apply(world, Op::Send { held: 0 });
            apply(world, FLUSH_TAKEN);
            apply(world, Op::KernelCompletes { pick: 0, count: 1 });
            apply(world, Op::Recycle);
            assert_eq!(places(world), [0, 1, 0, 0, 0, 0, 0]);
        }
        assert_eq!(world.oracle().counts(), (8, 8, 8));
    });
}

#[test]
fn a_starved_fill_ring_leaves_the_kernel_nothing_until_frames_come_free() {
    let mut config = Config::even(2, 4, START);
    config.fill_frames = Some(2);
    let starve = [DELIVER[0], DELIVER[1], DELIVER[0], DELIVER[1]];
    reach(&config, &starve, |world| {
        apply(
            world,
            Op::Receive {
                max: 4,
                take: 4,
                keep: true,
            },
        );
        apply(world, Op::Refill);
        assert_eq!(
            places(world),
            [0; 7],
            "the program holds both, so there is none to lend"
        );
        apply(world, DELIVER[0]);
        assert_eq!(places(world), [0; 7]);
        apply(world, Op::Drop { held: 0 });
        apply(world, Op::Refill);
        assert_eq!(places(world), [0, 1, 0, 0, 0, 0, 0]);
    });
}

#[test]
fn a_full_completion_ring_keeps_frames_with_the_kernel_until_it_is_reaped() {
    let mut config = Config::even(8, 8, START);
    config.slots[RingKind::Completion as usize] = 2;
    config.fill_frames = Some(0);
    let fill = [
        Op::Burst { count: 5 },
        FLUSH_TAKEN,
        Op::KernelCompletes { pick: 0, count: 5 },
    ];
    reach(&config, &fill, |world| {
        assert_eq!(places(world), [3, 0, 0, 0, 0, 3, 2]);
        for left in [3, 1, 0] {
            assert_eq!(world.oracle().count(Place::KernelSend), left);
            apply(world, Op::Reap);
            apply(world, Op::KernelCompletes { pick: 0, count: 5 });
        }
        apply(world, Op::Reap);
        assert_eq!(places(world), [8, 0, 0, 0, 0, 0, 0]);
    });
}

#[test]
fn a_full_rx_ring_keeps_frames_with_the_kernel_until_it_is_read() {
    let mut config = Config::even(8, 8, START);
    config.slots[RingKind::Rx as usize] = 2;
    config.fill_frames = Some(4);
    let deliver = DELIVER.repeat(4);
    reach(&config, &deliver, |world| {
        assert_eq!(places(world), [4, 0, 2, 2, 0, 0, 0]);
        apply(world, RECEIVE);
        apply(world, DELIVER[1]);
        apply(world, DELIVER[1]);
        assert_eq!(places(world), [6, 0, 0, 2, 0, 0, 0]);
    });
}

#[test]
fn a_kick_refused_for_ever_fills_the_ring_and_loses_nothing() {
    let config = Config::even(32, 8, START);
    reach(&config, &[], |world| {
        for round in 0..100 {
            apply(world, Op::Burst { count: 16 });
            let refusal = Transient::ALL[round % Transient::ALL.len()];
            apply(world, Op::Flush(Answer::Busy(refusal)));
            apply(world, Op::Recycle);
            assert_eq!(places(world), [16, 8, 0, 0, 8, 0, 0], "{refusal:?}");
        }
        assert_eq!(world.oracle().counts(), (8, 0, 0));
        // It gives in at last.
        apply(world, FLUSH_TAKEN);
        apply(world, Op::KernelCompletes { pick: 0, count: 8 });
        apply(world, Op::Reap);
        assert_eq!(world.oracle().counts(), (8, 8, 0));
    });
}

#[test]
fn a_kick_that_comes_to_nothing_is_not_repeated_until_one_comes_to_something() {
    let mut config = Config::even(64, 64, START);
    config.fill_frames = Some(0);
    // Two kicks' worth. How many kicks there are shows in what they leave.
    let left_by = |refusals: usize| {
        let refuse = [Op::Flush(Answer::Busy(Transient::Again))].repeat(refusals);
        let ops = [&[Op::Burst { count: 64 }], &refuse[..]].concat();
        let mut left = Vec::new();
        reach(&config, &ops, |world| {
            for _ in 0..3 {
                apply(world, Op::Flush(Answer::Takes(8)));
                left.push(world.oracle().count(Place::TxRing));
            }
        });
        left
    };
    assert_eq!(left_by(0), [48, 32, 24], "two, two, and one that is enough");
    assert_eq!(left_by(1), [56, 40, 24], "one, two, two");
    assert_eq!(left_by(5), left_by(1));
}

#[test]
fn a_kernel_that_never_completes_gets_every_free_frame_and_no_more() {
    let config = Config::even(32, 8, START);
    reach(&config, &[], |world| {
        for _ in 0..100 {
            apply(world, Op::Burst { count: 16 });
            apply(world, FLUSH_TAKEN);
            apply(world, Op::Recycle);
        }
        // Eight are lent to receive into, and all others are being sent.
        assert_eq!(places(world), [0, 8, 0, 0, 0, 24, 0]);
        apply(world, Op::Alloc { len: LEN });
        assert_eq!(world.oracle().count(Place::Application), 0);
        // Nothing says that the kernel is done with them, so they are out of use for good.
        apply(world, Op::Close);
        assert_eq!(world.oracle().count(Place::Retired), 32);
    });
}

#[test]
fn the_largest_rings_are_as_good_as_any() {
    let mut config = Config::even(64, RingSize::MAX.slots(), START);
    config.fill_frames = None;
    reach(&config, &[], |world| {
        for _ in 0..4 {
            apply(world, Op::Burst { count: 32 });
            apply(world, FLUSH_TAKEN);
            apply(world, Op::KernelCompletes { pick: 0, count: 32 });
            for op in DELIVER {
                apply(world, op);
            }
            apply(world, RECEIVE);
            apply(world, Op::Recycle);
        }
        assert_eq!(world.oracle().counts(), (128, 128, 4));
    });
    assert!(RingSize::new(RingSize::MAX.slots() * 2).is_err());
}

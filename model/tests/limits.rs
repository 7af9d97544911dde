//! The behaviour at every limit: each test drives the socket there.
//!
//! The oracle compares everything after every step; the numbers below prove that the limit was met.

use xskit_core::ring::RingSize;
use xskit_model::op::{Answer, Op};
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

/// Takes a step and compares only what it returned, for thousands of steps.
fn step(world: &mut World<'_>, op: Op) {
    if let Err(difference) = world.step(op) {
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

const FLUSH: Op = Op::Flush(Answer::Later);

const FLUSH_TAKEN: Op = Op::Flush(Answer::Takes(32));

/// A wait in which nothing comes, on a backend that does nothing for the rings meanwhile.
const SLEEP: Op = Op::Wait {
    is_silent: true,
    is_woken: false,
    answer: Answer::Later,
};

const RECEIVE: Op = Op::Receive {
    max: 64,
    take: 64,
    keep: false,
};

#[test]
fn a_kick_refused_for_ever_fills_the_ring_and_loses_nothing() {
    let config = Config::even(32, 8, START);
    reach(&config, &[], |world| {
        for round in 0..100 {
            apply(world, Op::Burst { count: 16 });
            apply(world, FLUSH);
            apply(world, Op::Recycle);
            assert_eq!(places(world), [16, 8, 0, 0, 8, 0, 0], "{round}");
        }
        assert_eq!(world.oracle().counts(), (8, 0, 0));
        assert_eq!(
            world.oracle().calls(),
            (8, 0),
            "after 0, 1, 2, 4, … 32 flushes"
        );
        // At last it takes them, after a sleep.
        apply(world, SLEEP);
        apply(world, FLUSH_TAKEN);
        apply(world, Op::KernelCompletes { pick: 0, count: 8 });
        apply(world, Op::Reap);
        assert_eq!(world.oracle().counts(), (8, 8, 0));
    });
}

#[test]
fn a_kick_that_leaves_packets_behind_is_repeated_ever_more_seldom() {
    let mut config = Config::even(64, 64, START);
    config.fill_frames = Some(0);
    // Two kicks' worth. The packets left show the number of kicks.
    let left_by = |refusals: usize| {
        let refuse = [FLUSH].repeat(refusals);
        let ops = [&[Op::Burst { count: 64 }], &refuse[..]].concat();
        let mut left = Vec::new();
        reach(&config, &ops, |world| {
            for _ in 0..5 {
                apply(world, Op::Flush(Answer::Takes(8)));
                left.push(world.oracle().count(Place::TxRing));
            }
        });
        left
    };
    assert_eq!(left_by(0), [48, 32, 32, 24, 24], "two, two, and one");
    assert_eq!(left_by(1), [56, 56, 40, 40, 40], "one, two");
    assert_eq!(left_by(5), [64, 56, 56, 56, 56], "one");
}

#[test]
fn a_full_device_is_left_alone_for_a_thousand_flushes_and_no_more() {
    let mut config = Config::even(8, 8, START);
    config.fill_frames = Some(0);
    reach(&config, &[Op::Burst { count: 8 }], |world| {
        for _ in 0..20_000 {
            step(world, FLUSH);
        }
        // 12 until the pause is that long, and then one every 1,025 flushes.
        assert_eq!(world.oracle().calls(), (12 + 18, 0));
        apply(world, SLEEP);
        apply(world, FLUSH_TAKEN);
        assert_eq!(
            places(world),
            [0, 0, 0, 0, 0, 8, 0],
            "after a sleep, at once"
        );
    });
}

#[test]
fn in_zero_copy_mode_what_seems_lost_is_asked_for_again_after_4096_flushes_or_a_sleep() {
    let mut config = Config::even(8, 8, START);
    config.zero_copy = true;
    let begin = [Op::KernelWantsWake(true), Op::Burst { count: 1 }];
    reach(&config, &begin, |world| {
        let calls = |world: &mut World<'_>, flushes| {
            let before = world.oracle().calls();
            (0..flushes).for_each(|_| step(world, FLUSH));
            let after = world.oracle().calls();
            (after.0 - before.0, after.1 - before.1)
        };
        assert_eq!(
            calls(world, 1),
            (1, 0),
            "the fill ring was there before it asked"
        );
        for op in [DELIVER[0], DELIVER[1], RECEIVE, Op::Refill] {
            apply(world, op);
        }
        assert_eq!(calls(world, 1), (0, 1));
        assert_eq!(calls(world, 4094), (0, 0));
        assert_eq!(calls(world, 2), (1, 1), "one each");
        assert_eq!(calls(world, 4096), (0, 0), "twice as many");
        apply(world, SLEEP);
        assert_eq!(calls(world, 3), (1, 1));
    });
}

#[test]
fn a_driver_with_enough_frames_left_is_woken_once_it_has_fewer() {
    let mut config = Config::even(64, 64, START);
    (config.zero_copy, config.fill_frames) = (true, Some(64));
    let lend_one_more = [
        Op::KernelWantsWake(true),
        Op::KernelTakesFill { count: 64 },
        DELIVER[1],
        RECEIVE,
        Op::Refill,
        Op::KernelTakesFill { count: 1 },
        FLUSH,
    ];
    reach(&config, &lend_one_more, |world| {
        assert_eq!(world.oracle().calls(), (0, 0), "it has all 64");
        apply(world, DELIVER[1]);
        apply(world, FLUSH);
        assert_eq!(world.oracle().calls(), (0, 1));
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

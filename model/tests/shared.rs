//! Two sockets over one UMEM: each test drives them to a limit.
//!
//! The oracle compares everything of both after every step; the numbers below prove that the limit
//! was met.

use xskit_model::op::{Answer, Op, OpenStep};
use xskit_model::oracle::Place;
use xskit_model::{Config, World};

/// Runs `ops` one after the other in a world of two sockets, and lets `check` look at the end.
fn reach(frames: u32, lent_by_each: u32, ops: &[Op], check: impl FnOnce(&mut World<'_>)) {
    let mut config = Config::even(frames, 4, u32::MAX - 1);
    (config.has_two, config.fill_frames) = (true, Some(lent_by_each));
    World::with(&config, |world| {
        if let Err(difference) = world.begin() {
            panic!("{difference}");
        }
        ops.iter().for_each(|op| apply(world, *op));
        check(world);
    });
}

fn apply(world: &mut World<'_>, op: Op) {
    if let Err(difference) = world.apply(op) {
        panic!("{op:?}: {difference}");
    }
}

/// Frames by place: stash, retired; and by the socket that steps are about: fill ring, RX ring, TX
/// ring, kernel to send.
fn places(world: &World<'_>) -> [u32; 6] {
    [
        Place::Stash,
        Place::Retired,
        Place::FillRing,
        Place::RxRing,
        Place::TxRing,
        Place::KernelSend,
    ]
    .map(|place| world.oracle().count(place))
}

const DELIVER: Op = Op::KernelDeliversEarly {
    count: 1,
    start: 256,
    len: 60,
};

const RECEIVE: Op = Op::Receive {
    max: 4,
    take: 4,
    keep: true,
};

const FLUSH_TAKEN: Op = Op::Flush(Answer::Takes(4));

const COMPLETE: Op = Op::KernelCompletes { pick: 0, count: 4 };

const OPEN: Op = Op::Open { refused: None };

/// A packet that came by one socket is put on the other one's TX ring.
const FORWARD: [Op; 5] = [
    DELIVER,
    Op::KernelSettles,
    RECEIVE,
    Op::Switch,
    Op::Send { held: 0 },
];

#[test]
fn one_frame_goes_to_and_fro_between_two_sockets() {
    reach(2, 1, &[], |world| {
        for _ in 0..8 {
            FORWARD.into_iter().for_each(|op| apply(world, op));
            apply(world, FLUSH_TAKEN);
            assert_eq!(
                places(world),
                [0, 0, 1, 0, 0, 1],
                "the other one has its own"
            );
            apply(world, COMPLETE);
            apply(world, Op::Reap);
            assert_eq!(places(world), [1, 0, 1, 0, 0, 0]);
            // Back to the socket that it came by, which has none left.
            apply(world, Op::Switch);
            apply(world, Op::Refill);
            apply(world, Op::Accounting);
            apply(world, Op::Switch);
        }
        assert_eq!(world.oracle().counts(), (4, 4, 4));
    });
}

#[test]
fn closing_one_retires_what_the_kernel_had_by_it_and_nothing_else() {
    let send_by_both = [
        Op::Burst { count: 1 },
        FLUSH_TAKEN,
        Op::Switch,
        Op::Burst { count: 1 },
        FLUSH_TAKEN,
    ];
    reach(8, 2, &send_by_both, |world| {
        apply(world, Op::Switch);
        apply(world, Op::Close);
        assert_eq!(places(world), [2, 3, 0, 0, 0, 0]);
        apply(world, Op::Switch);
        for op in [DELIVER, Op::KernelSettles, RECEIVE, COMPLETE, Op::Reap] {
            apply(world, op);
        }
        apply(world, Op::Drop { held: 0 });
        assert_eq!(
            places(world),
            [4, 3, 1, 0, 0, 0],
            "all but the other's came home"
        );
        apply(world, Op::Accounting);
    });
}

#[test]
fn sockets_come_and_go_beside_one_that_stays() {
    // None is lent, so that none is out of use afterwards.
    reach(4, 0, &[Op::Burst { count: 2 }, Op::Switch], |world| {
        for round in 0..100 {
            let refused = [None, Some(OpenStep::Create), Some(OpenStep::Bind)][round % 3];
            apply(world, Op::Close);
            apply(world, Op::Open { refused });
            apply(world, Op::Accounting);
        }
        apply(world, Op::Switch);
        for op in [FLUSH_TAKEN, COMPLETE, Op::Reap, Op::Accounting] {
            apply(world, op);
        }
        assert_eq!(places(world), [4, 0, 0, 0, 0, 0]);
    });
}

#[test]
fn the_first_socket_closes_and_opens_again_over_the_umem_that_the_second_has() {
    let swap = [Op::Close, OPEN, Op::Switch, Op::Close, OPEN];
    reach(16, 2, &swap, |world| {
        assert_eq!(places(world), [8, 4, 2, 0, 0, 0]);
        FORWARD.into_iter().for_each(|op| apply(world, op));
        assert_eq!(world.oracle().count(Place::Sent), 1);
        apply(world, Op::Accounting);
    });
}

#[test]
fn a_socket_opened_while_no_frame_is_free_lends_what_comes_free() {
    reach(2, 2, &[], |world| {
        apply(world, Op::Switch);
        assert_eq!(places(world), [0; 6], "the first has both");
        apply(world, Op::Refill);
        apply(world, Op::Switch);
        for op in [DELIVER, Op::KernelSettles, RECEIVE, Op::Drop { held: 0 }] {
            apply(world, op);
        }
        apply(world, Op::Switch);
        apply(world, Op::Refill);
        assert_eq!(places(world), [0, 0, 1, 0, 0, 0]);
        // Closing the first retires its frame, and the second stays open: a third opens over the
        // UMEM with no frame.
        apply(world, Op::Switch);
        apply(world, Op::Close);
        apply(world, OPEN);
        assert_eq!(places(world), [0, 1, 0, 0, 0, 0]);
    });
}

#[test]
fn a_bind_that_fails_costs_frames_only_where_the_kernel_may_have_found_them() {
    let close = [Op::Switch, Op::Close];
    reach(8, 2, &close, |world| {
        assert_eq!(places(world), [4, 2, 0, 0, 0, 0]);
        for (refused, retired) in [
            (OpenStep::Bind, 2),
            (OpenStep::Map(xskit_core::backend::RingKind::Tx), 2),
            (OpenStep::BoundElsewhere, 4),
            (OpenStep::Confirm, 6),
        ] {
            let refused = Some(refused);
            apply(world, Op::Open { refused });
            assert_eq!(places(world), [6 - retired, retired, 0, 0, 0, 0]);
        }
        // The other one has its frames all the while.
        apply(world, Op::Switch);
        assert_eq!(places(world), [0, 6, 2, 0, 0, 0]);
        FORWARD[..3].iter().for_each(|op| apply(world, *op));
        assert_eq!(world.oracle().count(Place::Application), 1);
    });
}

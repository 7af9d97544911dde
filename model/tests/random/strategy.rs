//! Strategies for random worlds and steps.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use xskit_model::config::MAX_FRAMES;
use xskit_model::op::{Answer, Doze, OpenStep, RINGS, RingOp, Transient};
use xskit_model::{Config, Op};

/// Rings of 1 to 64 slots, 1 to 64 frames, and counters that start anywhere, mostly just under
/// 2^32.
pub(crate) fn config() -> impl Strategy<Value = Config> {
    let slots = [(); 4].map(|()| (0..=6u32).prop_map(|shift| 1 << shift));
    let start = prop_oneof![
        1 => Just(0),
        1 => any::<u32>(),
        4 => (0..70u32).prop_map(|below| u32::MAX - below),
    ];
    let starts = [(); 4].map(|()| start.clone());
    let fill_frames = option::of(0..=MAX_FRAMES + 2);
    let modes = any::<(bool, bool, bool)>();
    (1..=MAX_FRAMES, slots, starts, fill_frames, modes).prop_map(
        |(frames, slots, starts, fill_frames, (zero_copy, raises_budget, has_two))| Config {
            frames,
            slots,
            starts,
            fill_frames,
            zero_copy,
            raises_budget,
            has_two,
        },
    )
}

/// Up to 300 steps.
pub(crate) fn ops() -> impl Strategy<Value = Vec<Op>> {
    vec(op(), 0..300)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        60 => program(),
        40 => kernel(),
        2 => whole_socket(),
        8 => Just(Op::Switch),
        10 => ring().prop_map(Op::Ring),
    ]
}

fn program() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => length().prop_map(|len| Op::Alloc { len }),
        4 => (any::<u8>(), length(), length())
            .prop_map(|(held, start, len)| Op::Write { held, start, len }),
        12 => any::<u8>().prop_map(|held| Op::Send { held }),
        2 => (0..=64u8).prop_map(|count| Op::Burst { count }),
        3 => any::<u8>().prop_map(|held| Op::Drop { held }),
        8 => (few(), few(), any::<bool>())
            .prop_map(|(max, take, keep)| Op::Receive { max, take, keep }),
        1 => (0..3u8, 0..3u8).prop_map(|(max, take)| Op::Forget { max, take }),
        4 => Just(Op::Refill),
        4 => Just(Op::Reap),
        2 => Just(Op::Recycle),
        2 => few().prop_map(|wanted| Op::Room { wanted }),
        1 => Just(Op::Waiting),
        6 => answer().prop_map(Op::Flush),
        1 => answer().prop_map(Op::Request),
        3 => (select(&[Doze::Kicks, Doze::Silent][..]), any::<bool>(), answer())
            .prop_map(|(sleep, is_woken, answer)| Op::Wait { sleep, is_woken, answer }),
        1 => Just(Op::Accounting),
    ]
}

fn kernel() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => few().prop_map(|count| Op::KernelTakes { count }),
        6 => (any::<u8>(), few()).prop_map(|(pick, count)| Op::KernelCompletes { pick, count }),
        4 => few().prop_map(|count| Op::KernelTakesFill { count }),
        8 => (any::<u8>(), length(), length())
            .prop_map(|(pick, start, len)| Op::KernelDelivers { pick, start, len }),
        3 => (few(), length(), length())
            .prop_map(|(count, start, len)| Op::KernelDeliversEarly { count, start, len }),
        2 => Just(Op::KernelSettles),
        1 => any::<bool>().prop_map(Op::KernelWantsKick),
        1 => any::<bool>().prop_map(Op::KernelWantsWake),
    ]
}

fn whole_socket() -> impl Strategy<Value = Op> {
    prop_oneof![
        Just(Op::Close),
        option::of(open_step()).prop_map(|refused| Op::Open { refused }),
    ]
}

fn ring() -> impl Strategy<Value = RingOp> {
    prop_oneof![
        few().prop_map(RingOp::Reserve),
        few().prop_map(RingOp::Push),
        Just(RingOp::Commit),
        Just(RingOp::Outstanding),
        few().prop_map(RingOp::Peek),
        few().prop_map(RingOp::Pop),
        few().prop_map(RingOp::PushAll),
        (few(), few()).prop_map(|(wanted, take)| RingOp::Drain { wanted, take }),
        few().prop_map(RingOp::Leak),
        Just(RingOp::Release),
        Just(RingOp::Available),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        2 => Just(Answer::Later),
        4 => few().prop_map(Answer::Takes),
        1 => select(&Transient::ALL[..]).prop_map(Answer::Busy),
        1 => Just(Answer::Fails),
    ]
}

fn open_step() -> impl Strategy<Value = OpenStep> {
    prop_oneof![
        Just(OpenStep::Create),
        Just(OpenStep::Register),
        select(&RINGS[..]).prop_map(OpenStep::Size),
        Just(OpenStep::Offsets),
        select(&RINGS[..]).prop_map(OpenStep::Map),
        Just(OpenStep::Bind),
        Just(OpenStep::BoundElsewhere),
        Just(OpenStep::Confirm),
    ]
}

/// A count that is mostly small, since rings are.
fn few() -> impl Strategy<Value = u8> {
    prop_oneof![8 => 0..8u8, 1 => any::<u8>()]
}

/// A length or a place in a frame of 2048 bytes: mostly inside, sometimes at its end, or beyond.
fn length() -> impl Strategy<Value = u16> {
    prop_oneof![1 => Just(0u16), 6 => 1..512u16, 1 => 2046..=2050u16, 1 => any::<u16>()]
}

//! The steps that searches choose from.

use xskit_model::Op;
use xskit_model::op::{Answer, OpenStep, RingOp};

const fn receive(max: u8, take: u8, keep: bool) -> Op {
    Op::Receive { max, take, keep }
}

const fn deliver(pick: u8, start: u16) -> Op {
    let len = 60;
    Op::KernelDelivers { pick, start, len }
}

/// One packet looks like another; every one is sent, dropped and completed in any order.
pub(crate) const CYCLE: &[Op] = &[
    Op::Alloc { len: 60 },
    Op::Send { held: 0 },
    Op::Send { held: 1 },
    Op::Drop { held: 0 },
    Op::Drop { held: 1 },
    receive(1, 1, true),
    receive(4, 4, true),
    receive(4, 1, false),
    Op::Refill,
    Op::Reap,
    Op::Recycle,
    Op::Room { wanted: 1 },
    Op::Room { wanted: 4 },
    Op::Waiting,
    Op::Flush(Answer::Later),
    Op::Flush(Answer::Takes(1)),
    Op::Accounting,
    Op::KernelTakes { count: 1 },
    Op::KernelCompletes { pick: 0, count: 1 },
    Op::KernelCompletes { pick: 1, count: 1 },
    Op::KernelTakesFill { count: 1 },
    deliver(0, 0),
    deliver(1, 0),
];

/// A cycle by two sockets: frames come by one and leave by the other, and one is closed and opened
/// again, which may fail.
pub(crate) const SHARED: &[Op] = &[
    Op::Switch,
    Op::Burst { count: 1 },
    receive(1, 1, true),
    Op::Send { held: 0 },
    Op::Drop { held: 0 },
    Op::Recycle,
    Op::Flush(Answer::Takes(1)),
    Op::KernelCompletes { pick: 0, count: 1 },
    Op::KernelTakesFill { count: 1 },
    deliver(0, 0),
    Op::Close,
    Op::Open { refused: None },
    refused(OpenStep::Create),
    refused(OpenStep::Bind),
    refused(OpenStep::BoundElsewhere),
    refused(OpenStep::Confirm),
];

const fn refused(step: OpenStep) -> Op {
    let refused = Some(step);
    Op::Open { refused }
}

/// A kernel that shows packets before it shows what it took for them, and a program that looks in
/// between.
pub(crate) const EARLY: &[Op] = &[
    receive(1, 1, false),
    receive(4, 4, false),
    receive(4, 1, true),
    Op::Forget { max: 1, take: 0 },
    Op::Forget { max: 4, take: 2 },
    Op::Drop { held: 0 },
    Op::Refill,
    Op::Accounting,
    early(1),
    early(4),
    Op::KernelSettles,
    Op::KernelTakesFill { count: 1 },
    deliver(0, 0),
    deliver(1, 0),
    Op::Close,
    Op::Open { refused: None },
];

const fn early(count: u8) -> Op {
    Op::KernelDeliversEarly {
        count,
        start: 0,
        len: 60,
    }
}

/// Steps that call the kernel, and steps that give a cause.
pub(crate) const CALLS: &[Op] = &[
    Op::Burst { count: 1 },
    receive(4, 4, false),
    Op::Refill,
    Op::Reap,
    Op::Flush(Answer::Later),
    Op::Flush(Answer::Takes(1)),
    Op::Request(Answer::Later),
    Op::Flush(Answer::Fails),
    wait(false, false),
    wait(false, true),
    wait(true, false),
    wait(true, true),
    Op::KernelTakes { count: 1 },
    Op::KernelCompletes { pick: 0, count: 1 },
    Op::KernelTakesFill { count: 1 },
    deliver(0, 0),
    early(1),
];

/// A kernel that sets and clears its flags.
const FLAGS: [Op; 4] = [
    Op::KernelWantsKick(false),
    Op::KernelWantsKick(true),
    Op::KernelWantsWake(false),
    Op::KernelWantsWake(true),
];

/// Steps that call a kernel that sets and clears its flags.
pub(crate) fn calls_and_flags() -> Vec<Op> {
    [CALLS, &FLAGS].concat()
}

const fn wait(is_silent: bool, is_woken: bool) -> Op {
    Op::Wait {
        is_silent,
        is_woken,
        answer: Answer::Takes(1),
    }
}

/// A cycle with packets at another offset, empty ones, failing kicks, and sockets closed and opened
/// again.
pub(crate) fn mishaps() -> Vec<Op> {
    let mut ops = CYCLE.to_vec();
    ops.extend([
        Op::Alloc { len: 0 },
        Op::Write {
            held: 0,
            start: 2000,
            len: 49,
        },
        deliver(0, 256),
        receive(4, 0, true),
        Op::Forget { max: 1, take: 0 },
        Op::Forget { max: 4, take: 1 },
        Op::Request(Answer::Later),
        Op::Flush(Answer::Fails),
        Op::Close,
        Op::Open { refused: None },
    ]);
    let steps = [
        OpenStep::Create,
        OpenStep::Bind,
        OpenStep::BoundElsewhere,
        OpenStep::Confirm,
    ];
    ops.extend(steps.map(refused));
    ops
}

/// Every step that is searched.
pub(crate) fn everything() -> Vec<Op> {
    let mut ops = mishaps();
    for op in calls_and_flags().iter().chain(EARLY) {
        if !ops.contains(op) {
            ops.push(*op);
        }
    }
    ops
}

/// Both ends of a bare ring.
pub(crate) const BARE_RING: &[Op] = &[
    Op::Ring(RingOp::Reserve(1)),
    Op::Ring(RingOp::Reserve(4)),
    Op::Ring(RingOp::Push(1)),
    Op::Ring(RingOp::Push(4)),
    Op::Ring(RingOp::Commit),
    Op::Ring(RingOp::Outstanding),
    Op::Ring(RingOp::Peek(1)),
    Op::Ring(RingOp::Peek(4)),
    Op::Ring(RingOp::Pop(1)),
    Op::Ring(RingOp::Pop(4)),
    Op::Ring(RingOp::PushAll(1)),
    Op::Ring(RingOp::PushAll(2)),
    Op::Ring(RingOp::Drain { wanted: 4, take: 4 }),
    Op::Ring(RingOp::Drain { wanted: 4, take: 1 }),
    Op::Ring(RingOp::Leak(1)),
    Op::Ring(RingOp::Release),
    Op::Ring(RingOp::Available),
];

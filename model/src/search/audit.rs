//! Looks inside a state, by steps that end it.

use crate::difference::Difference;
use crate::op::Answer;
use crate::{Op, World};

/// Compares what only shows later: the cursors, the order of the stash, and the core's count of
/// lent frames. Every packet is taken, and every frame brought back.
pub(super) fn audit(world: &mut World<'_>) -> Result<(), Difference> {
    const ALL: u8 = u8::MAX;
    let before = [
        Op::Accounting,
        Op::Waiting,
        Op::Receive {
            max: ALL,
            take: ALL,
            keep: true,
        },
        Op::KernelSettles,
        Op::Receive {
            max: ALL,
            take: ALL,
            keep: true,
        },
        Op::Reap,
        Op::KernelTakesFill { count: ALL },
        Op::Flush(Answer::Takes(ALL)),
        Op::Room { wanted: ALL },
    ];
    each_socket(world, &before)?;
    for _ in 0..world.oracle().at(crate::oracle::Place::Application).len() {
        world.step(Op::Drop { held: 0 })?;
    }
    each_socket(world, &[Op::Refill, Op::Accounting])?;
    while world.oracle().count(crate::oracle::Place::Stash) > 0 {
        world.step(Op::Alloc { len: 0 })?;
    }
    world.step(Op::Alloc { len: 0 })?;
    each_socket(world, &[Op::Close])?;
    world.compare()
}

/// Takes these steps with the socket, and with the other one if that is open.
fn each_socket(world: &mut World<'_>, steps: &[Op]) -> Result<(), Difference> {
    let take = |world: &mut World<'_>| steps.iter().try_for_each(|op| world.step(*op));
    take(world)?;
    if world.oracle.other.is_open {
        world.switch();
        take(world)?;
        world.switch();
    }
    Ok(())
}

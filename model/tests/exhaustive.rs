//! Every interleaving of the program's and the kernel's steps, in small worlds.
//!
//! Worlds that close (no sequence of steps, however long, leads to a state that was not seen) are
//! searched to the end. The others go as deep as the time allows: `XSKIT_SEARCH_SECONDS`, 45 by
//! default, for all of them together. See `xskit_model::search` for what a state is.

use std::env;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use xskit_model::op::{Answer, OpenStep, RingOp, Transient};
use xskit_model::search::{Explored, explore};
use xskit_model::{Config, Op};

fn main_ops() -> Vec<Op> {
    let receive = |max, take, keep| Op::Receive { max, take, keep };
    vec![
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
        Op::KernelDelivers { pick: 0, start: 0, len: 60 },
        Op::KernelDelivers { pick: 1, start: 0, len: 60 },
    ]
}

#[test]
fn probe() {
    for frames in 1..=3 { for slots in [1,2] { for start in [0, u32::MAX, u32::MAX - 1] {
        let begin = Instant::now();
        let e = explore(&Config::even(frames, slots, start), &main_ops(), Some(Instant::now() + Duration::from_secs(10))).unwrap_or_else(|f| panic!("{f}"));
        println!("{frames} {slots} {start:#x} {e:?} {:?}", begin.elapsed());
    }}}
}

//! The orderings of the rings, by loom: every interleaving of two threads, and every stale value
//! that the orderings let a load return.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p xskit-core --release --test loom`; `cargo xtask orderings`
//! shows which of these tests fails when an ordering is weakened.
//!
//! Both ends are the crate's own, since the peer's orderings are the mirror of ours; what only the
//! kernel does (the NEED_WAKEUP flag) is written out in [`wakeup`]. No thread waits for another by
//! spinning: each tries a few times, and what is left in a ring is looked at when both are done.
//!
//! What loom can't show: a load that returns a value stored only later, which C++ and weakly
//! ordered machines allow. Where that is the danger (reuse of a slot), a [`traced::Traced`] stands
//! for the peer's plain access, and loom checks that the two accesses are ordered.
#![cfg(loom)]

mod batch;
mod beside;
mod early;
mod forwarding;
mod publication;
mod reuse;
mod shared;
mod traced;
mod wakeup;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

/// Has loom run `body` in every way there is, without a bound on preemptions, and prints how many
/// these were. Returns the outcomes, so that a test can tell that what it fears was tried.
fn explore<O>(what: &str, body: impl Fn() -> O + Send + Sync + 'static) -> BTreeSet<O>
where
    O: Copy + Debug + Ord + Send + 'static,
{
    let seen = Arc::new(Mutex::new((0u64, BTreeSet::new())));
    let note = Arc::clone(&seen);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = None;
    builder.check(move || {
        let outcome = body();
        let mut seen = note.lock().expect("no panic before");
        seen.0 += 1;
        seen.1.insert(outcome);
    });
    let (executions, outcomes) = seen.lock().expect("no panic before").clone();
    println!("{what}: {executions} executions, outcomes {outcomes:?}");
    outcomes
}

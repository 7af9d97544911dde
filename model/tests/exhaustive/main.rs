//! Every interleaving of the program's and the kernel's steps, in small worlds.
//!
//! Some are searched to the end: no sequence of steps, however long, leads to a new state. The
//! others go as deep as the time allows: `XSKIT_SEARCH_SECONDS` for all of them together, 25 by
//! default. `xskit_model::search` defines a state.

mod alphabet;
mod worlds;

use std::collections::VecDeque;
use std::env;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use worlds::Space;
use xskit_model::search::{Explored, explore};

const THREADS: usize = 2;

#[test]
fn no_interleaving_breaks_the_core() {
    let closing = search(worlds::closing(), None);
    assert!(
        closing.iter().all(|explored| explored.is_complete),
        "a search without a limit ended early"
    );
    let deadline = Instant::now() + seconds();
    let open_ended = search(worlds::open_ended(), Some(deadline));
    let all = || closing.iter().chain(&open_ended);
    println!(
        "exhaustive: {} states, {} steps, {} worlds ({} complete), deepest {}",
        all().map(|explored| explored.states).sum::<usize>(),
        all().map(|explored| explored.steps).sum::<u64>(),
        all().count(),
        all().filter(|explored| explored.is_complete).count(),
        all().map(|explored| explored.depth).max().unwrap_or(0),
    );
}

/// How long the open-ended searches may take.
fn seconds() -> Duration {
    let seconds = match env::var("XSKIT_SEARCH_SECONDS") {
        Ok(text) => text
            .parse()
            .expect("XSKIT_SEARCH_SECONDS: a number of seconds"),
        Err(_) => 25,
    };
    Duration::from_secs(seconds)
}

/// Runs the searches side by side; each has its share of the time left when it begins.
fn search(spaces: Vec<Space>, deadline: Option<Instant>) -> Vec<Explored> {
    let left = Mutex::new(VecDeque::from(spaces));
    let next = || {
        let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = left.len().div_ceil(THREADS).max(1) as u32;
        left.pop_front().map(|space| (space, turns))
    };
    let work = || {
        let mut done = Vec::new();
        while let Some(((config, steps), turns)) = next() {
            let now = Instant::now();
            let share = |end: Instant| now + end.saturating_duration_since(now) / turns;
            match explore(&config, &steps, deadline.map(share)) {
                Ok(explored) => done.push(explored),
                Err(failure) => panic!("{failure}"),
            }
        }
        done
    };
    thread::scope(|scope| {
        let threads = [(); THREADS].map(|()| scope.spawn(work));
        let done = threads.map(|thread| thread.join().expect("no search failed"));
        done.concat()
    })
}

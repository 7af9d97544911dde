//! Every interleaving of some steps, up to a depth. Breadth first: a failure's trace is the
//! shortest.
//!
//! A state is kept as the steps that led to it, and made again from the start when its turn comes:
//! worlds are small and cheap to make.

mod audit;
mod key;

use std::collections::HashSet;
use std::time::Instant;

use audit::audit;
use key::KeyMaker;

use crate::difference::Difference;
use crate::run::{Failure, ToldInPanic};
use crate::{Config, Op, World};

/// The depth that is searched however short the time.
pub const ALWAYS: usize = 5;

/// How far a search came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explored {
    /// Every sequence of this many steps was taken.
    pub depth: usize,
    /// Distinct states.
    pub states: usize,
    /// Steps taken from those.
    pub steps: u64,
    /// Whether longer sequences lead to no new state.
    pub is_complete: bool,
}

/// A state: the one before it, and the step from there.
#[derive(Clone, Copy)]
struct State {
    before: u32,
    step: u32,
}

/// The states seen so far.
struct Search<'a> {
    config: &'a Config,
    alphabet: &'a [Op],
    seen: HashSet<u128>,
    /// The first is the start; it has no state before it.
    states: Vec<State>,
    keys: KeyMaker,
    steps: u64,
}

/// Takes every sequence of steps of the alphabet, after the sockets were opened, to the greatest
/// depth that `deadline` allows: a level beyond [`ALWAYS`] is begun only if it is expected to end
/// in time.
///
/// # Panics
/// If there are more frames than one kick sends.
///
/// # Errors
/// The shortest sequence after which the socket and the oracle differ.
pub fn explore(
    config: &Config,
    alphabet: &[Op],
    deadline: Option<Instant>,
) -> Result<Explored, Box<Failure>> {
    assert!(
        config.frames <= 32,
        "how many kicks a flush asks for is no part of a state's key: one kick must do"
    );
    let mut search = Search {
        config,
        alphabet,
        seen: HashSet::new(),
        states: Vec::new(),
        keys: KeyMaker::new(config, alphabet),
        steps: 0,
    };
    search.visit(&mut [], State { before: 0, step: 0 })?;
    let (begin, mut depth, mut level) = (Instant::now(), 0, 0..1);
    while !level.is_empty()
        && (depth < ALWAYS || !is_too_late(begin, level.len(), level.start, deadline))
    {
        for state in level.clone() {
            search.expand(state)?;
        }
        level = level.end..search.states.len();
        depth += usize::from(!level.is_empty());
    }
    Ok(Explored {
        depth,
        states: search.states.len(),
        steps: search.steps,
        is_complete: level.is_empty(),
    })
}

/// Whether a level of `width` states would end after the deadline, at the pace of the `done` ones.
fn is_too_late(begin: Instant, width: usize, done: usize, deadline: Option<Instant>) -> bool {
    let Some(deadline) = deadline else {
        return false;
    };
    let left = deadline.saturating_duration_since(Instant::now());
    // A longer sequence takes longer to repeat.
    let pace = begin.elapsed().as_secs_f64() / done.max(1) as f64 * 1.2;
    pace * width as f64 > left.as_secs_f64()
}

impl Search<'_> {
    /// Takes every step from a state.
    fn expand(&mut self, state: usize) -> Result<(), Box<Failure>> {
        let mut way = self.way_to(state);
        for step in 0..self.alphabet.len() {
            way.push(self.alphabet[step]);
            self.steps += 1;
            let next = State {
                before: state as u32,
                step: step as u32,
            };
            self.visit(&mut way, next)?;
            way.pop();
        }
        Ok(())
    }

    /// The steps from the start to a state.
    fn way_to(&self, mut state: usize) -> Vec<Op> {
        let mut way = Vec::new();
        while state != 0 {
            let State { before, step } = self.states[state];
            way.push(self.alphabet[step as usize]);
            state = before as usize;
        }
        way.reverse();
        way
    }

    /// Takes a sequence of which all but the last step were taken before; keeps the state if it is
    /// new.
    fn visit(&mut self, way: &mut [Op], state: State) -> Result<(), Box<Failure>> {
        let keys = &mut self.keys;
        let _told = ToldInPanic(self.config, way);
        let key = World::with(self.config, |world| -> Result<_, Difference> {
            world.begin()?;
            for op in &*way {
                world.step(*op)?;
            }
            world.compare()?;
            let key = keys.key(world);
            audit(world)?;
            Ok(key)
        });
        let key = key.map_err(|difference| {
            Box::new(Failure {
                config: *self.config,
                trace: way.to_vec(),
                difference,
            })
        })?;
        if self.seen.insert(key) {
            self.states.push(state);
        }
        Ok(())
    }
}

//! A sequence of steps in one world.

use std::fmt;
use std::ops::Add;

use arbitrary::{Arbitrary, Unstructured};

use crate::difference::Difference;
use crate::{Config, Op, World};

/// How many steps a run takes at most.
pub const MAX_STEPS: usize = 400;

/// A failed run: its world, its steps up to the first difference, and the difference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Failure {
    /// The world.
    pub config: Config,
    /// The steps after the beginning; the last one failed.
    pub trace: Vec<Op>,
    /// What went wrong.
    pub difference: Difference,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.difference)?;
        writeln!(f, "in a world of {:?}", self.config)?;
        writeln!(f, "after the beginning and these steps:")?;
        for op in &self.trace {
            writeln!(f, "    {op:?},")?;
        }
        Ok(())
    }
}

/// How far a run came: packets that passed the last socket in each of its two places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Sent.
    pub sent: u64,
    /// Sent, and their frames taken back.
    pub completed: u64,
    /// Received.
    pub received: u64,
    /// Calls that asked the kernel to send or to look at the fill ring.
    pub calls: u64,
}

/// Opens one or two sockets, takes the steps, and compares after each.
///
/// # Errors
/// [`Failure`] where the socket and the oracle differ.
pub fn run(config: &Config, ops: &[Op]) -> Result<Passed, Box<Failure>> {
    World::with(config, |world| {
        let failed = |steps: usize, difference| {
            Box::new(Failure {
                config: *config,
                trace: ops[..steps].to_vec(),
                difference,
            })
        };
        world
            .begin()
            .and_then(|()| world.compare())
            .map_err(|difference| failed(0, difference))?;
        for (step, op) in ops.iter().enumerate() {
            let _told = ToldInPanic(config, &ops[..=step]);
            world
                .apply(*op)
                .map_err(|difference| failed(step + 1, difference))?;
        }
        let last = Passed::of(world);
        world.switch();
        Ok(last + Passed::of(world))
    })
}

impl Passed {
    /// The counts of the current socket.
    fn of(world: &World<'_>) -> Self {
        let (sent, completed, received) = world.oracle().counts();
        let (kicks, wakes) = world.oracle().calls();
        Self {
            sent,
            completed,
            received,
            calls: kicks + wakes,
        }
    }
}

impl Add for Passed {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            completed: self.completed + other.completed,
            received: self.received + other.received,
            calls: self.calls + other.calls,
        }
    }
}

/// Prints on stderr the steps that led to a panic of the core.
pub(crate) struct ToldInPanic<'a>(pub(crate) &'a Config, pub(crate) &'a [Op]);

impl Drop for ToldInPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("panicked in a world of {:?} after {:?}", self.0, self.1);
        }
    }
}

/// Makes a world and steps of a fuzzer's bytes, and runs them.
///
/// # Panics
/// Where the socket and the oracle differ, with the steps that led there.
pub fn ring_ops(bytes: &[u8]) -> Passed {
    let mut bytes = Unstructured::new(bytes);
    let Ok(config) = Config::arbitrary(&mut bytes) else {
        return Passed::default();
    };
    let mut ops = Vec::new();
    while !bytes.is_empty() && ops.len() < MAX_STEPS {
        match Op::arbitrary(&mut bytes) {
            Ok(op) => ops.push(op),
            Err(_) => break,
        }
    }
    match run(&config, &ops) {
        Ok(passed) => passed,
        Err(failure) => panic!("{failure}"),
    }
}

//! The worlds to search.

use xskit_model::{Config, Op};

use crate::alphabet::{
    BARE_RING, CALLS, CYCLE, EARLY, SHARED, calls_and_flags, everything, mishaps,
};

/// A search.
pub(crate) struct Space {
    pub(crate) config: Config,
    pub(crate) steps: &'static str,
    pub(crate) alphabet: Vec<Op>,
}

impl Space {
    fn new(config: Config, steps: &'static str, alphabet: &[Op]) -> Self {
        Self {
            config,
            steps,
            alphabet: alphabet.to_vec(),
        }
    }
}

/// This far below 2^32.
const fn before_wrap(count: u32) -> u32 {
    count.wrapping_neg()
}

/// Worlds small enough for a complete search.
pub(crate) fn closing() -> Vec<Space> {
    let mut spaces = Vec::new();
    for (slots, before) in [(1, 0), (1, 1), (1, 2), (2, 1), (2, 2), (4, 2), (4, 5)] {
        let config = Config::even(1, slots, before_wrap(before));
        spaces.push(Space::new(config, "bare ring", BARE_RING));
    }
    let cycles = [
        (1, 1, 1),
        (1, 1, 2),
        (2, 1, 1),
        (2, 1, 2),
        (3, 1, 1),
        (3, 1, 2),
        (1, 2, 1),
        (1, 2, 2),
        (2, 2, 1),
        (2, 2, 2),
        (1, 4, 2),
        (3, 2, 0),
    ];
    spaces.extend(in_both_modes(&cycles));
    for (frames, slots, before) in [(1, 1, 1), (2, 1, 1)] {
        let config = Config::even(frames, slots, before_wrap(before));
        spaces.push(Space::new(config, "mishaps", &mishaps()));
    }
    for (frames, slots, before) in [(1, 1, 1), (2, 2, 1), (3, 2, 2)] {
        let mut config = Config::even(frames, slots, before_wrap(before));
        config.fill_frames = Some(frames);
        spaces.push(Space::new(config, "early", EARLY));
    }
    for (frames, zero_copy, steps) in [
        (1, false, &calls_and_flags()[..]),
        (1, true, &calls_and_flags()),
        (2, false, CALLS),
        (2, true, CALLS),
    ] {
        let mut config = Config::even(frames, 1, before_wrap(1));
        config.zero_copy = zero_copy;
        spaces.push(Space::new(config, "calls", steps));
    }
    // Eight rings that each wrap would be too many states; other worlds wrap.
    let mut config = Config::even(2, 1, 0);
    (config.has_two, config.fill_frames) = (true, Some(1));
    spaces.push(Space::new(config, "shared", SHARED));
    // Every frame lent, none lent, and rings of different sizes that wrap at different times.
    for (fill_frames, slots, before) in [
        (2, [2, 1, 1, 1], [2, 0, 0, 0]),
        (0, [1, 1, 1, 2], [0, 0, 0, 2]),
        (1, [1, 2, 1, 2], [0, 2, 0, 1]),
        (2, [2, 1, 2, 1], [1, 0, 2, 0]),
    ] {
        let config = Config {
            slots,
            starts: before.map(before_wrap),
            fill_frames: Some(fill_frames),
            ..Config::even(2, 1, 0)
        };
        spaces.push(Space::new(config, "cycle", CYCLE));
    }
    spaces
}

/// Worlds that are searched as deep as the time allows, the smallest first.
pub(crate) fn open_ended() -> Vec<Space> {
    let mut spaces = Vec::new();
    for (frames, slots, before, steps, alphabet) in [
        (2, 2, 1, "everything", everything()),
        (6, 4, 5, "mishaps", mishaps()),
    ] {
        let config = Config::even(frames, slots, before_wrap(before));
        spaces.push(Space::new(config, steps, &alphabet));
    }
    let cycles = [
        (3, 2, 2),
        (4, 1, 5),
        (6, 1, 2),
        (4, 2, 2),
        (6, 2, 5),
        (3, 4, 1),
        (4, 4, 2),
        (6, 4, 5),
    ];
    spaces.extend(in_both_modes(&cycles));
    spaces
}

/// Cycles, by turns in copy and in zero-copy mode.
fn in_both_modes(cycles: &[(u32, u32, u32)]) -> impl Iterator<Item = Space> {
    let modes = [false, true].into_iter().cycle();
    cycles
        .iter()
        .zip(modes)
        .map(|(&(frames, slots, before), zero_copy)| {
            let mut config = Config::even(frames, slots, before_wrap(before));
            config.zero_copy = zero_copy;
            Space::new(config, "cycle", CYCLE)
        })
}

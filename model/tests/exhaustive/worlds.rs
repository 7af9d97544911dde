//! The worlds to search, each with the steps to choose from.

use xskit_model::{Config, Op};

use crate::alphabet::{
    BARE_RING, CALLS, CYCLE, EARLY, SHARED, calls_and_flags, everything, mishaps,
};

pub(crate) type Space = (Config, Vec<Op>);

/// A world of equal rings that wrap after `before` entries.
fn even(frames: u32, slots: u32, before: u32) -> Config {
    Config::even(frames, slots, before.wrapping_neg())
}

/// Worlds small enough for a complete search.
pub(crate) fn closing() -> Vec<Space> {
    let mut spaces = Vec::new();
    for (slots, before) in [(1, 0), (1, 1), (1, 2), (2, 1), (2, 2), (4, 2), (4, 5)] {
        spaces.push((even(1, slots, before), BARE_RING.to_vec()));
    }
    spaces.extend(cycles(&[
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
    ]));
    spaces.extend([1, 2].map(|frames| (even(frames, 1, 1), mishaps())));
    for (frames, slots, before) in [(1, 1, 1), (2, 2, 1), (3, 2, 2)] {
        let mut config = even(frames, slots, before);
        config.fill_frames = Some(frames);
        spaces.push((config, EARLY.to_vec()));
    }
    for zero_copy in [false, true] {
        for (frames, steps) in [(1, calls_and_flags()), (2, CALLS.to_vec())] {
            let mut config = even(frames, 1, 1);
            config.zero_copy = zero_copy;
            spaces.push((config, steps));
        }
    }
    // Eight rings that each wrap would be too many states; other worlds wrap.
    let mut config = even(2, 1, 0);
    (config.has_two, config.fill_frames) = (true, Some(1));
    spaces.push((config, SHARED.to_vec()));
    // Every frame lent, none lent, and rings of different sizes that wrap at different times.
    for (fill_frames, slots, before) in [
        (2, [2, 1, 1, 1], [2, 0, 0, 0]),
        (0, [1, 1, 1, 2], [0, 0, 0, 2]),
        (1, [1, 2, 1, 2], [0, 2, 0, 1]),
        (2, [2, 1, 2, 1], [1, 0, 2, 0]),
    ] {
        let config = Config {
            slots,
            starts: before.map(u32::wrapping_neg),
            fill_frames: Some(fill_frames),
            ..even(2, 1, 0)
        };
        spaces.push((config, CYCLE.to_vec()));
    }
    spaces
}

/// Worlds that are searched as deep as the time allows, the smallest first.
pub(crate) fn open_ended() -> Vec<Space> {
    let mut spaces = vec![(even(2, 2, 1), everything()), (even(6, 4, 5), mishaps())];
    spaces.extend(cycles(&[
        (3, 2, 2),
        (4, 1, 5),
        (6, 1, 2),
        (4, 2, 2),
        (6, 2, 5),
        (3, 4, 1),
        (4, 4, 2),
        (6, 4, 5),
    ]));
    spaces
}

/// Cycles, by turns in copy and in zero-copy mode.
fn cycles(worlds: &[(u32, u32, u32)]) -> impl Iterator<Item = Space> {
    let modes = [false, true].into_iter().cycle();
    let worlds = worlds.iter().zip(modes);
    worlds.map(|(&(frames, slots, before), zero_copy)| {
        let mut config = even(frames, slots, before);
        config.zero_copy = zero_copy;
        (config, CYCLE.to_vec())
    })
}

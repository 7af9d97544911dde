//! A ring cursor: a 32-bit count that wraps.

/// The number of slots that one end of a ring has passed, modulo 2^32.
///
/// Cursors run freely and are masked only to find a slot, so that full and empty differ, as in the
/// kernel's `xsk_queue.h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor(u32);

impl Cursor {
    /// The cursor whose shared word reads `word`.
    #[must_use]
    #[inline]
    pub const fn new(word: u32) -> Self {
        Self(word)
    }

    /// The word to publish.
    #[must_use]
    #[inline]
    pub const fn word(self) -> u32 {
        self.0
    }

    /// The cursor `slots` further on.
    #[must_use]
    #[inline]
    pub const fn plus(self, slots: u32) -> Self {
        Self(self.0.wrapping_add(slots))
    }

    /// How many slots lie from `earlier` up to this one, across the wrap.
    #[must_use]
    #[inline]
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// The slot that this cursor points to, in a ring of `mask + 1` slots.
    #[must_use]
    #[inline]
    pub const fn slot(self, mask: u32) -> usize {
        (self.0 & mask) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Cursor;

    #[test]
    fn counts_across_the_wrap() {
        let before = Cursor::new(u32::MAX - 1);
        let after = before.plus(5);
        assert_eq!(after.word(), 3);
        assert_eq!(after.since(before), 5);
        assert_eq!(before.since(after), u32::MAX - 4);
    }

    #[test]
    fn slots_follow_each_other_across_the_wrap() {
        let slots: [usize; 4] =
            core::array::from_fn(|i| Cursor::new(u32::MAX - 1).plus(i as u32).slot(7));
        assert_eq!(slots, [6, 7, 0, 1]);
    }
}

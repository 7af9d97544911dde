//! The core's own cursors, read from its `Debug`.

use std::fmt;

use crate::op::RINGS;

/// The names of the rings' types, by [`RINGS`], and of what the receiver remembers of a doubt.
const ROLES: [&str; RINGS.len() + 1] = ["FillRing", "CompletionRing", "RxRing", "TxRing", "Doubt"];

/// The cursors of a doubt.
pub(super) const DOUBT: usize = RINGS.len();

/// Reads the `Debug` of rings, and keeps the numbers written as `Cursor(n)`.
///
/// A ring's cursors are private; the core shows them only this way. No text is built.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    /// By ring; a bare ring has no role and counts as the first.
    found: [Vec<u32>; ROLES.len()],
    ring: usize,
    /// How much of `Cursor(` was just written.
    heard: u8,
}

impl Cursors {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.found.iter_mut().for_each(Vec::clear);
        self.ring = 0;
        self.heard = 0;
    }

    /// The cursors of one ring, in the order written.
    ///
    /// # Panics
    /// If there are none: different states would look alike.
    pub(super) fn of(&self, ring: usize) -> &[u32] {
        let found = &self.found[ring];
        assert!(
            !found.is_empty(),
            "the core's Debug shows no Cursor(n) of ring {ring}"
        );
        found
    }
}

impl fmt::Write for Cursors {
    fn write_str(&mut self, said: &str) -> fmt::Result {
        if let Some(ring) = ROLES.iter().position(|role| *role == said) {
            self.ring = ring;
        }
        self.heard = match (self.heard, said) {
            (_, "Cursor") => 1,
            (1, "(") => 2,
            (2, number) => {
                self.found[self.ring].extend(number.parse::<u32>());
                0
            }
            _ => 0,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::sync::atomic::AtomicU32;

    use xskit_core::ring::{AddressSlot, FillRing, RingMemory};

    use super::Cursors;

    #[test]
    fn hears_the_cursors_of_a_ring() {
        let words = [7, 6, 0].map(AtomicU32::new);
        let slots: [AddressSlot; 4] = Default::default();
        let memory = RingMemory::new(&words[0], &words[1], &words[2], &slots).expect("a ring");
        let mut cursors = Cursors::default();
        write!(cursors, "{:?}", FillRing::new(memory)).expect("no error is made");
        let mut found = cursors.of(0).to_vec();
        found.sort_unstable();
        assert_eq!(found, [7, 7, 10], "next, committed, and the limit");
    }

    #[test]
    #[should_panic(expected = "shows no Cursor")]
    fn refuses_a_ring_that_it_heard_nothing_of() {
        let _ = Cursors::default().of(0);
    }
}

//! Chance that is the same on every run.

use crate::packet::ETHERNET_LEN;

/// Xorshift: the same frames on every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }

    /// Changes up to two header bytes, by preference slightly, and now and then the length.
    pub(crate) fn change(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut frame = seed.to_vec();
        for _ in 0..self.below(3) {
            let at = 12 + self.below(frame.len().min(82) - 12);
            frame[at] = match self.below(4) {
                0 => self.below(256) as u8,
                1 => frame[at] ^ (1 << self.below(8)),
                2 => frame[at].wrapping_add(1),
                _ => frame[at].wrapping_sub(1),
            };
        }
        match self.below(6) {
            0 => frame.truncate(ETHERNET_LEN + self.below(frame.len() - ETHERNET_LEN + 1)),
            1 => frame.resize(frame.len() + self.below(40), 0x11),
            _ => {}
        }
        frame
    }
}

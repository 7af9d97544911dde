//! The bytes written into a frame: no two packets look alike.

use crate::config::FRAME_BYTES;

/// The bytes of a whole frame.
pub(crate) type Bytes = [u8; FRAME_BYTES as usize];

/// The number of a write, which determines all bytes of the frame. Number 0 is a frame as
/// allocated, all zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp(pub(crate) u32);

/// Odd, so that multiplying by it loses nothing; its bits are even and look random.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A number per eight bytes of a frame.
const POSITIONS: [u64; FRAME_BYTES as usize / 8] = {
    let mut positions = [0; FRAME_BYTES as usize / 8];
    let mut position = 0;
    while position < positions.len() {
        positions[position] = (position as u64 + 1).wrapping_mul(SPREAD).rotate_left(32);
        position += 1;
    }
    positions
};

impl Stamp {
    /// Fills `frame` as this write does: every eight bytes identify the write and the place.
    pub(crate) fn fill(self, frame: &mut Bytes) {
        let write = u64::from(self.0).wrapping_mul(SPREAD);
        // All ones or all zeros: a loop without a branch is vectorised.
        let written = u64::from(self.0 != 0).wrapping_neg();
        let (words, _) = frame.as_chunks_mut::<8>();
        for (word, position) in words.iter_mut().zip(&POSITIONS) {
            *word = ((write ^ position) & written).to_le_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Stamp;

    #[test]
    fn no_two_writes_look_alike() {
        let frame = |stamp| {
            let mut bytes = [0; 2048];
            Stamp(stamp).fill(&mut bytes);
            bytes
        };
        assert!(frame(0).iter().all(|byte| *byte == 0));
        for stamp in 1..100 {
            let same = frame(stamp)
                .chunks(8)
                .zip(frame(stamp + 1).chunks(8))
                .filter(|(a, b)| a == b)
                .count();
            assert_eq!(same, 0);
        }
    }
}

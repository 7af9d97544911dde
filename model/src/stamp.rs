//! What is written into a frame, so that no two packets look alike.

use crate::config::FRAME_BYTES;

/// The bytes of a whole frame.
pub(crate) type Bytes = [u8; FRAME_BYTES as usize];

/// The number of a write. All bytes of a frame follow from the number of the last write to it;
/// number zero is a frame as it was allocated, all zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp(pub(crate) u32);

impl Stamp {
    /// Fills `frame` as this write does.
    pub(crate) fn fill(self, frame: &mut Bytes) {
        for (position, word) in (0u64..).zip(frame.chunks_exact_mut(8)) {
            word.copy_from_slice(&self.word(position).to_le_bytes());
        }
    }

    /// Eight bytes, unlike those of any other write or place: the factor is odd, so nothing is
    /// lost in the multiplication, and the high bits depend on all.
    fn word(self, position: u64) -> u64 {
        if self.0 == 0 {
            return 0;
        }
        (u64::from(self.0) << 8 | position).wrapping_mul(0x9e37_79b9_7f4a_7c15)
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

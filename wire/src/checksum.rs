//! The Internet checksum: the complement of the ones' complement sum of 16-bit words (RFC 1071).

/// A sum in progress, over any number of parts in the order in which they lie.
///
/// ```
/// # use xskit_wire::Checksum;
/// // RFC 1071 section 3: the sum is 0xddf2.
/// let sum = Checksum::new().bytes(&[0x00, 0x01, 0xf2, 0x03]).bytes(&[0xf4, 0xf5, 0xf6, 0xf7]);
/// assert_eq!(sum.finish(), !0xddf2);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Checksum {
    /// Ones' complement sums of the parts, in the machine's byte order: a swap of all bytes only
    /// swaps the result's (RFC 1071 section 2 (B)), so one swap at the end does.
    sum: u64,
    /// An odd number of bytes so far: the next byte is the second of its word.
    odd: bool,
}

impl Checksum {
    /// The sum of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { sum: 0, odd: false }
    }

    /// Adds a part of less than 32 GiB. Any part may be of odd length, not only the last.
    #[must_use]
    #[inline]
    pub fn bytes(self, part: &[u8]) -> Self {
        let part_sum = fold(sum_words(part));
        let part_sum = if self.odd {
            part_sum.swap_bytes()
        } else {
            part_sum
        };
        Self {
            sum: self.sum.wrapping_add(u64::from(part_sum)),
            odd: self.odd ^ (part.len() % 2 == 1),
        }
    }

    /// Adds a 16-bit number as it stands on the wire, high byte first.
    #[must_use]
    #[inline]
    pub fn word(self, number: u16) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// The checksum: what to write, high byte first, into a checksum field that was zero in the
    /// sum.
    #[must_use]
    #[inline]
    pub fn finish(self) -> u16 {
        u16::from_be(!fold(self.sum))
    }

    /// Whether the summed bytes include their own checksum, and it is right.
    #[must_use]
    #[inline]
    pub fn verifies(self) -> bool {
        fold(self.sum) == u16::MAX
    }
}

/// Sums the two halves of every eight bytes apart: there is no carry between them, so the compiler
/// vectorises the loop. A half has room for 2^32 additions, which is 32 GiB.
#[inline]
fn sum_words(bytes: &[u8]) -> u64 {
    let (chunks, tail) = bytes.as_chunks::<8>();
    let (mut low, mut high) = (0u64, 0u64);
    for chunk in chunks {
        let word = u64::from_ne_bytes(*chunk);
        low = low.wrapping_add(word & 0xffff_ffff);
        high = high.wrapping_add(word >> 32);
    }
    // At most three words and a byte: not worth a call to copy them into eight zeros.
    let (words, byte) = tail.as_chunks::<2>();
    for word in words {
        low = low.wrapping_add(u64::from(u16::from_ne_bytes(*word)));
    }
    if let [byte] = byte {
        low = low.wrapping_add(u64::from(u16::from_ne_bytes([*byte, 0])));
    }
    fold_to_33_bits(low) + fold_to_33_bits(high)
}

/// 2^32 is 1 in ones' complement arithmetic of 16 bits, so the halves may be added.
#[inline]
const fn fold_to_33_bits(sum: u64) -> u64 {
    (sum & 0xffff_ffff) + (sum >> 32)
}

/// The ones' complement sum of the four 16-bit words. Zero only for zero.
#[inline]
const fn fold(sum: u64) -> u16 {
    let sum = fold_to_33_bits(sum);
    let sum = (sum & 0xffff) + (sum >> 16); // below 2^16 + 2^17
    let sum = (sum & 0xffff) + (sum >> 16); // at most 2^16 + 1
    let sum = (sum & 0xffff) + (sum >> 16); // at most 2^16 - 1
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::noise;
    use fastrand::Rng;
    use std::vec;

    /// Word by word, as RFC 1071 section 1 says it.
    fn reference(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for word in bytes.chunks(2) {
            sum += u32::from(word[0]) << 8 | word.get(1).map_or(0, |low| u32::from(*low));
            if sum > 0xffff {
                sum -= 0xffff;
            }
        }
        !(sum as u16)
    }

    fn sum(bytes: &[u8]) -> u16 {
        Checksum::new().bytes(bytes).finish()
    }

    #[test]
    fn example_of_rfc_1071() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(sum(&bytes), 0x220d);
    }

    #[test]
    fn every_length_at_every_alignment() {
        let bytes = noise(&mut Rng::with_seed(1), 1600);
        for start in 0..16 {
            for end in (start..start + 300).chain([1400, 1472, 1599, 1600]) {
                let part = &bytes[start..end];
                assert_eq!(sum(part), reference(part), "{start}..{end}");
            }
        }
    }

    #[test]
    fn carries_of_the_largest_words() {
        for len in [0, 1, 2, 7, 8, 9, 1400, 9000, 65_535, 1 << 20] {
            let ones = vec![0xff; len];
            assert_eq!(sum(&ones), reference(&ones), "{len}");
        }
        let small = [0, 1, 0xffff, 0x1_0000, 0x1_ffff, 0xffff_ffff];
        let large = [0x1_0000_ffff_ffff, u64::MAX - 1, u64::MAX];
        for sum in small.into_iter().chain(large) {
            let folded = fold(sum);
            assert_eq!(folded % 0xffff, (sum % 0xffff) as u16, "{sum:#x}");
            assert_eq!(folded == 0, sum == 0, "{sum:#x}");
        }
    }

    #[test]
    fn parts_of_any_length_add_up() {
        let mut rng = Rng::with_seed(2);
        for _ in 0..2000 {
            let len = rng.usize(..200);
            let bytes = noise(&mut rng, len);
            let (mut sum, mut rest) = (Checksum::new(), &bytes[..]);
            while !rest.is_empty() {
                let (part, after) = rest.split_at(1 + rng.usize(..rest.len()));
                (sum, rest) = (sum.bytes(part), after);
            }
            assert_eq!(sum.finish(), reference(&bytes), "{bytes:?}");
        }
    }

    #[test]
    fn words_are_high_byte_first() {
        let sum = Checksum::new().word(0x1234).word(0xfffe);
        assert_eq!(sum.finish(), reference(&[0x12, 0x34, 0xff, 0xfe]));
    }

    #[test]
    fn verifies_its_own_and_no_bit_less() {
        let mut rng = Rng::with_seed(3);
        let mut bytes = noise(&mut rng, 64);
        bytes[10..12].fill(0);
        let checksum = sum(&bytes);
        bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
        assert!(Checksum::new().bytes(&bytes).verifies());
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!Checksum::new().bytes(&bytes).verifies(), "{bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(!Checksum::new().verifies(), "zeros alone hold no checksum");
    }
}

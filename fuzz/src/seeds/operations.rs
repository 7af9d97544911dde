//! Operations on rings. Any bytes are a list of them, so these are bytes drawn at random, from few to many; the fuzzer
//! finds out what they mean.

const COUNT: usize = 16;

/// Bytes from a generator of 64 bits (xorshift), the same every time.
pub(super) fn all(first: u64) -> Vec<(String, Vec<u8>)> {
    let mut state = first;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    let mut list = |at: usize| {
        let bytes = (0..(at + 1) * 48).map(|_| next()).collect();
        (format!("random-{at:02}"), bytes)
    };
    (0..COUNT).map(&mut list).collect()
}

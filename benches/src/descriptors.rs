//! Time per descriptor at any batch size.

use std::time::Duration;

/// The batch sizes that are measured.
pub const BATCHES: [u32; 3] = [1, 16, 64];

/// Descriptors between two looks at the clock: a multiple of every batch size, and so many that a
/// look (some 25 ns) adds next to nothing per descriptor.
pub const STRETCH: u32 = 1024;

/// Calls `run`, which passes [`STRETCH`] descriptors and returns its time, for at least
/// `descriptors` descriptors, and returns the time of that many.
///
/// For criterion's `iter_custom`: an iteration is a descriptor, at every batch size.
pub fn time(descriptors: u64, mut run: impl FnMut() -> Duration) -> Duration {
    let stretches = descriptors.div_ceil(STRETCH.into());
    let elapsed: Duration = (0..stretches).map(|_| run()).sum();
    let passed = stretches * u64::from(STRETCH);
    elapsed.mul_f64(descriptors as f64 / passed.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::{BATCHES, STRETCH, time};
    use std::time::Duration;

    #[test]
    fn time_is_of_the_descriptors_asked_for() {
        let stretch = || Duration::from_nanos(u64::from(STRETCH) * 3);
        for descriptors in [1, 64, 1024, 1025, 5000] {
            assert_eq!(
                time(descriptors, stretch),
                Duration::from_nanos(descriptors * 3)
            );
        }
    }

    #[test]
    fn a_stretch_is_whole_batches() {
        assert!(BATCHES.iter().all(|batch| STRETCH.is_multiple_of(*batch)));
    }
}

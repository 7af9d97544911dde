//! When to stop looking at a ring and let the kernel wake us.

use core::hint::spin_loop;

/// After this many waits in a row, with no packet that came during the looks, looking is not worth
/// it.
const LIMIT: u32 = 4;

/// From then on, one in this many rests looks for its full length, to learn whether packets come
/// faster again.
const PROBE: u32 = 16;

/// The other rests look for this fraction of it.
const PART: u32 = 16;

/// Counts looks that found nothing; after enough of them in a row it is time to wait.
///
/// Looking costs no system call; waiting costs one, and a wake-up. While packets come at shorter
/// intervals than the looks take, a loop that uses this never waits. At longer intervals the wait
/// comes anyway, and the looks before it are wasted. So after 4 waits before which no look found a
/// packet, only a 16th of the looks is made, and all of them before every 16th wait. The first
/// packet that is found by looking, rather than by waiting, brings all of them back.
///
/// ```
/// use xskit_core::socket::Patience;
///
/// let mut patience = Patience::new(1600);
/// // Looks in vain, until it is time to wait.
/// let mut looks = || (1..).find(|_| patience.is_over(false));
/// assert_eq!([looks(), looks(), looks(), looks()], [Some(1601); 4]);
/// assert_eq!(looks(), Some(101));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Empty looks before a wait, at most.
    looks: u32,
    /// Empty looks that are left before the next wait.
    left: u32,
    /// Empty looks since something was found, or since the last wait.
    empty: u32,
    /// Waits since an empty look was followed by one that found something.
    in_vain: u32,
}

impl Patience {
    /// Patience for `looks` empty looks in a row; with none, every empty look is a reason to wait.
    #[must_use]
    pub const fn new(looks: u32) -> Self {
        Self {
            looks,
            left: looks,
            empty: 0,
            in_vain: 0,
        }
    }

    /// Counts a look. Returns true when it is time to wait.
    #[inline]
    pub fn is_over(&mut self, found_something: bool) -> bool {
        if found_something {
            if self.empty > 0 {
                self.in_vain = 0;
            }
            self.begin();
            return false;
        }
        if self.left == 0 {
            self.in_vain = self.in_vain.saturating_add(1);
            self.begin();
            return true;
        }
        self.left -= 1;
        self.empty += 1;
        spin_loop();
        false
    }

    /// Restarts the count of looks.
    #[inline]
    fn begin(&mut self) {
        let is_short = self.in_vain >= LIMIT && !self.in_vain.is_multiple_of(PROBE);
        self.left = if is_short {
            self.looks.div_ceil(PART)
        } else {
            self.looks
        };
        self.empty = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::Patience;

    /// The looks in vain and the waits for packets that each come `gap` looks after the previous
    /// one was taken.
    fn rest(patience: &mut Patience, gaps: impl Iterator<Item = u32>) -> (u64, u64) {
        let (mut looks, mut waits) = (0, 0);
        for gap in gaps {
            for _ in 0..gap {
                looks += 1;
                if patience.is_over(false) {
                    // The kernel wakes us when the packet is there.
                    waits += 1;
                    break;
                }
            }
            assert!(!patience.is_over(true));
        }
        (looks, waits)
    }

    fn every(gap: u32, packets: usize) -> impl Iterator<Item = u32> {
        std::iter::repeat_n(gap, packets)
    }

    #[test]
    fn runs_out_after_so_many_empty_looks_in_a_row() {
        let mut patience = Patience::new(2);
        let looks = [false, false, true, false, false, false, false];
        let over: Vec<_> = looks
            .into_iter()
            .map(|found| patience.is_over(found))
            .collect();
        assert_eq!(over, [false, false, false, false, false, true, false]);
    }

    #[test]
    fn looks_are_made_as_long_as_they_pay() {
        let mixed = (0..1000).map(|packet| if packet % 4 == 0 { 1900 } else { 10_000 });
        // The most looks before a wait, the gaps, the waits, and a bound on the looks in vain.
        let cases = [
            ("no patience", 0, vec![5; 100], 100, 101),
            ("in time", 2000, vec![2000; 100], 0, 200_001),
            ("at once", 2000, vec![0; 100], 0, 1),
            // As many waits as with all the looks, and an eighth of these.
            ("too late", 2000, vec![10_000; 1000], 1000, 2_001 * 1000 / 8),
            ("one of four in time", 2000, mixed.collect(), 750, u64::MAX),
        ];
        for (case, patience, gaps, waits, bound) in cases {
            let (looks, waited) = rest(&mut Patience::new(patience), gaps.into_iter());
            assert_eq!(waited, waits, "{case}");
            assert!(looks < bound, "{case}: {looks} looks");
        }
    }

    #[test]
    fn packets_that_come_faster_again_are_soon_looked_for() {
        let mut patience = Patience::new(2000);
        assert_eq!(rest(&mut patience, every(10_000, 100)).1, 100);
        // Longer than the short looks: a long one must be due first.
        let (_, waits) = rest(&mut patience, every(1900, 100));
        assert!(waits <= 16, "{waits}");
        // Found by a short one.
        assert_eq!(rest(&mut patience, every(10_000, 100)).1, 100);
        assert_eq!(rest(&mut patience, every(100, 100)).1, 0);
    }

    #[test]
    fn silence_costs_a_wait_each_time_and_few_looks() {
        let mut patience = Patience::new(1600);
        let silence = (0..100_000).filter(|_| patience.is_over(false)).count();
        assert!(
            silence > 400,
            "{silence} waits, not the 62 of 1,600 looks each"
        );
    }
}

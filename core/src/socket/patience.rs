//! When to stop looking at a ring and let the kernel wake us.

use core::hint::spin_loop;

/// Counts looks that found nothing; after enough of them in a row it is time to wait.
///
/// Looking costs no system call, waiting costs one and a wake-up. While packets keep coming at
/// shorter intervals than the looks take, a loop that asks this never waits.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    looks: u32,
    left: u32,
}

impl Patience {
    /// Patience for `looks` empty looks in a row; with none, every empty look is a reason to wait.
    #[must_use]
    pub const fn new(looks: u32) -> Self {
        Self { looks, left: looks }
    }

    /// Takes note of a look. True when it is time to wait.
    #[inline]
    pub fn is_over(&mut self, found_something: bool) -> bool {
        if found_something {
            self.left = self.looks;
            return false;
        }
        if self.left == 0 {
            self.left = self.looks;
            return true;
        }
        self.left -= 1;
        spin_loop();
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Patience;

    #[test]
    fn runs_out_after_so_many_empty_looks_in_a_row() {
        let mut patience = Patience::new(2);
        let looks = [false, false, true, false, false, false, false];
        let over: Vec<_> = looks
            .into_iter()
            .map(|found| patience.is_over(found))
            .collect();
        assert_eq!(over, [false, false, false, false, false, true, false]);
        assert!(Patience::new(0).is_over(false));
    }
}

//! Counting tests in the output of `cargo test -- --show-output`.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

/// What a test prints when it can't run here; then it returns, so libtest calls it passed. Anywhere
/// in a line: one that is written past libtest's capture can land behind the name of a test.
pub(crate) const SKIPPED: &str = "skipped: needs ";

/// How many tests or checks ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

impl Tally {
    /// Adds up libtest's closing lines; a test that skipped itself is moved from passed to skipped.
    pub(crate) fn of_tests(output: &str) -> Self {
        let mut tally = Self::default();
        let lines = output.lines();
        for line in lines.filter_map(|line| line.strip_prefix("test result: ")) {
            let words: Vec<_> = line.split([' ', ';']).collect();
            for pair in words.windows(2) {
                let number = pair[0].parse().unwrap_or(0);
                match pair[1] {
                    "passed" => tally.passed += number,
                    "failed" => tally.failed += number,
                    "ignored" => tally.skipped += number,
                    _ => {}
                }
            }
        }
        let skipped: usize = skip_reasons(output).values().sum();
        let skipped = skipped.min(tally.passed);
        tally.passed -= skipped;
        tally.skipped += skipped;
        tally
    }
}

/// What skipped tests said they need, and how many said so. The test's own name, in brackets at the
/// end, is left out.
pub(crate) fn skip_reasons(output: &str) -> BTreeMap<&str, usize> {
    let mut reasons = BTreeMap::new();
    for (_, said) in output.lines().filter_map(|line| line.split_once(SKIPPED)) {
        let reason = said.split(" (test ").next().unwrap_or(said);
        *reasons.entry(reason).or_default() += 1;
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::{Tally, skip_reasons};

    const OUTPUT: &str = "\
running 3 tests
test a ... ok
test b ... ok
test c ... ok

successes:

---- b stdout ----
skipped: needs CAP_NET_ADMIN (test b)

---- c stdout ----
test d ... skipped: needs CAP_NET_ADMIN (test d)
skipped for no reason

test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
test result: FAILED. 10 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.20s
";

    #[test]
    fn results_of_all_binaries_add_up_and_skipped_is_not_passed() {
        assert_eq!(
            Tally::of_tests(OUTPUT),
            Tally {
                passed: 11,
                failed: 2,
                skipped: 3
            }
        );
        assert_eq!(
            skip_reasons(OUTPUT).into_iter().collect::<Vec<_>>(),
            [("CAP_NET_ADMIN", 2)]
        );
    }
}

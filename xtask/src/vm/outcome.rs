//! The outcome of each job.

use std::time::Duration;

use super::machine::Driver;
use crate::tally::{SKIPPED, Tally};

/// How one job ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    /// For this reason, which may be that the machine didn't run.
    Failed(String),
    /// It does not apply to cards, for this reason.
    LeftOut(String),
}

impl Verdict {
    /// Of a job that ended with this exit code and output.
    pub(super) fn of(code: i32, output: &str, says: &str, limit_s: u32) -> Self {
        if let Some((_, what)) = output.split_once(SKIPPED) {
            let what = what.lines().next().unwrap_or_default();
            return Self::Failed(format!("skipped itself: needs {what}"));
        }
        match code {
            0 if output.contains(says) => Self::Passed,
            0 => Self::Failed(format!("ended well without saying {says:?}")),
            // Of timeout(1): the limit, and the same where SIGTERM was not enough.
            124 | 137 => Self::Failed(format!("not done in {limit_s} s")),
            code => Self::Failed(format!("exit code {code}")),
        }
    }
}

/// One job on one driver.
pub(super) struct Outcome {
    pub(super) driver: Driver,
    pub(super) name: String,
    pub(super) verdict: Verdict,
    pub(super) took: Duration,
}

impl Outcome {
    /// A line like those that `xtask test` closes with.
    pub(super) fn line(&self) -> String {
        let (state, reason) = match &self.verdict {
            Verdict::Passed => ("ok", String::new()),
            Verdict::Failed(reason) => ("FAILED", format!("  ({reason})")),
            Verdict::LeftOut(reason) => ("-", format!("  (left out: {reason})")),
        };
        let (took, driver) = (self.took.as_secs_f64(), self.driver.name());
        format!(
            "{state:<6} {took:>7.1} s  {driver:<10} {}{reason}",
            self.name
        )
    }
}

/// How many ended in which way.
pub(super) fn tally(outcomes: &[Outcome]) -> Tally {
    let mut tally = Tally::default();
    for outcome in outcomes {
        match outcome.verdict {
            Verdict::Passed => tally.passed += 1,
            Verdict::Failed(_) => tally.failed += 1,
            Verdict::LeftOut(_) => tally.skipped += 1,
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::Verdict;

    #[test]
    fn a_job_passes_only_if_it_ends_well_and_says_so() {
        let of = |code, output| Verdict::of(code, output, "1 passed", 60);
        assert_eq!(of(0, "test result: ok. 1 passed;"), Verdict::Passed);
        for (code, output) in [
            (0, "test result: ok. 0 passed;"),
            (0, "skipped: needs CAP_BPF (test a)\n1 passed"),
            (101, "1 passed"),
            (124, "1 passed"),
        ] {
            assert!(
                matches!(of(code, output), Verdict::Failed(_)),
                "{code} {output}"
            );
        }
    }
}

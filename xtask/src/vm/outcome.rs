//! The outcome of each job: as a line, and as JSON.

use std::time::Duration;

use serde_json::json;

use super::machine::Driver;
use crate::tally::{SKIPPED, Tally};

/// How one job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    /// It ran, and this is the reason.
    Failed(String),
    /// It never ran, because the machine didn't.
    NotRun(String),
    /// It does not apply to cards.
    LeftOut(&'static str),
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

    fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::NotRun(_) => "not run",
            Self::LeftOut(_) => "left out",
        }
    }

    fn reason(&self) -> &str {
        match self {
            Self::Passed => "",
            Self::Failed(reason) | Self::NotRun(reason) => reason,
            Self::LeftOut(reason) => reason,
        }
    }
}

/// One job on one driver.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) driver: Driver,
    pub(super) name: String,
    pub(super) verdict: Verdict,
    pub(super) took: Duration,
}

impl Outcome {
    pub(super) fn is_bad(&self) -> bool {
        matches!(self.verdict, Verdict::Failed(_) | Verdict::NotRun(_))
    }

    /// A line like those that `xtask test` closes with.
    pub(super) fn line(&self) -> String {
        let state = match &self.verdict {
            Verdict::Passed => "ok",
            Verdict::Failed(_) | Verdict::NotRun(_) => "FAILED",
            Verdict::LeftOut(_) => "-",
        };
        let (took, driver) = (self.took.as_secs_f64(), self.driver.name());
        let reason = match self.verdict.reason() {
            "" => String::new(),
            reason => format!("  ({}: {reason})", self.verdict.word()),
        };
        format!(
            "{state:<6} {took:>7.1} s  {driver:<10} {}{reason}",
            self.name
        )
    }
}

/// How many ended in which way.
pub(super) fn tally(outcomes: &[Outcome]) -> Tally {
    let count = |is: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
    Tally {
        passed: count(|outcome| outcome.verdict == Verdict::Passed),
        failed: count(Outcome::is_bad),
        skipped: count(|outcome| matches!(outcome.verdict, Verdict::LeftOut(_))),
    }
}

/// One object, on one line.
pub(super) fn json(outcomes: &[Outcome]) -> String {
    let tests = outcomes.iter().map(|outcome| {
        let mut test = json!({
            "driver": outcome.driver.name(),
            "test": outcome.name,
            "outcome": outcome.verdict.word(),
            "seconds": outcome.took.as_secs_f64(),
        });
        if outcome.verdict != Verdict::Passed {
            test["reason"] = outcome.verdict.reason().into();
        }
        test
    });
    let tests: Vec<_> = tests.collect();
    let tally = tally(outcomes);
    let object = json!({
        "succeeded": tally.failed == 0,
        "passed": tally.passed,
        "failed": tally.failed,
        "left_out": tally.skipped,
        "tests": tests,
    });
    object.to_string()
}

#[cfg(test)]
mod tests {
    use super::{Driver, Outcome, Verdict, json, tally};
    use serde_json::Value;
    use std::time::Duration;

    const SAYS: &str = "1 passed";

    #[test]
    fn a_job_passes_only_if_it_ends_well_and_says_so() {
        let of = |code, output| Verdict::of(code, output, SAYS, 60);
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

    #[test]
    fn what_never_ran_is_a_failure_and_what_was_left_out_is_none() {
        let outcome = |verdict| Outcome {
            driver: Driver::Igb,
            name: "a::b".to_owned(),
            verdict,
            took: Duration::from_millis(1500),
        };
        let mut outcomes = vec![outcome(Verdict::Passed), outcome(Verdict::LeftOut("so"))];
        assert_eq!(tally(&outcomes).failed, 0);
        let object: Value = serde_json::from_str(&json(&outcomes)).expect("an object");
        assert_eq!(object["succeeded"], true);
        assert_eq!(object["passed"], 1);
        outcomes.push(outcome(Verdict::NotRun("no \"boot\"\n".to_owned())));
        let object: Value = serde_json::from_str(&json(&outcomes)).expect("an object");
        assert_eq!(object["succeeded"], false);
        assert_eq!(object["tests"][2]["reason"], "no \"boot\"\n");
        assert!(outcomes[2].line().starts_with("FAILED"));
    }
}

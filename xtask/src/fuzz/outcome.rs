//! The outcome of a run of libFuzzer, read from its output.

use crate::tally::SKIPPED;

/// How a run ended, and libFuzzer's last line of figures.
pub(super) struct Outcome {
    pub(super) target: String,
    pub(super) figures: String,
    pub(super) end: End,
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Time was up, and nothing was found.
    Clean,
    /// It can't run here, for want of this.
    Skipped(String),
    /// Something was found, or it did not run.
    Failed {
        what: String,
        /// The input that did it.
        artifact: Option<String>,
    },
}

impl Outcome {
    pub(super) fn of(target: &str, succeeded: bool, output: &str) -> Self {
        let after = |text: &str| {
            let mut lines = output.lines();
            lines.find_map(|line| Some(line.split_once(text)?.1.trim().to_owned()))
        };
        let end = match (succeeded, after(SKIPPED)) {
            (true, Some(reason)) => End::Skipped(reason),
            (true, None) => End::Clean,
            (false, _) => End::Failed {
                what: complaint(output),
                artifact: after("Test unit written to "),
            },
        };
        let mut lines = output.lines().rev();
        let is_status = |line: &&str| line.starts_with('#') && line.contains(" cov: ");
        let figures = lines.find(is_status).unwrap_or_default();
        Self {
            target: target.to_owned(),
            figures: figures.split_whitespace().collect::<Vec<_>>().join(" "),
            end,
        }
    }
}

/// A panic's place and message, or else the first line in which the fuzzer or a sanitizer says
/// "ERROR", or else the last.
fn complaint(output: &str) -> String {
    let mut lines = output.lines();
    let is_panic = |line: &str| line.contains("' panicked at ") || line.contains(") panicked at ");
    if let Some(line) = lines.find(|line| is_panic(line)) {
        let place = line.split_once("panicked at ").map_or(line, |(_, at)| at);
        return format!("panicked at {place} {}", lines.next().unwrap_or_default());
    }
    let error = output.lines().find(|line| line.contains("ERROR: "));
    let last = || output.lines().rev().find(|line| !line.trim().is_empty());
    error.or_else(last).unwrap_or("no output").to_owned()
}

#[cfg(test)]
mod tests {
    use super::{End, Outcome};

    const CLEAN: &str = "\
#2	INITED cov: 17 ft: 18 corp: 1/1b exec/s: 0 rss: 36Mb
#115038	DONE   cov: 595 ft: 847 corp: 77/3608b lim: 878 exec/s: 10458 rss: 101Mb
Done 115038 runs in 11 second(s)
";
    const PANIC: &str = "\
thread '<unnamed>' (77) panicked at fuzz/src/x.rs:7:9:
two owners
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
==77== ERROR: libFuzzer: deadly signal
artifact_prefix='/a/'; Test unit written to /a/crash-0bad
";

    #[test]
    fn an_outcome_has_the_last_figures_and_a_finding_its_cause_and_its_input() {
        let failed = |what: &str, artifact: Option<&str>| End::Failed {
            what: what.to_owned(),
            artifact: artifact.map(str::to_owned),
        };
        let panic = "panicked at fuzz/src/x.rs:7:9: two owners";
        let overflow = "==9==ERROR: AddressSanitizer: heap-buffer-overflow";
        for (succeeded, output, end) in [
            (true, CLEAN, End::Clean),
            (
                true,
                "skipped: needs CAP_BPF\n",
                End::Skipped("CAP_BPF".to_owned()),
            ),
            (false, PANIC, failed(panic, Some("/a/crash-0bad"))),
            (false, overflow, failed(overflow, None)),
            (false, "", failed("no output", None)),
        ] {
            assert_eq!(Outcome::of("x", succeeded, output).end, end, "{output}");
        }
        let figures = Outcome::of("x", true, CLEAN).figures;
        assert!(
            figures.starts_with("#115038 DONE cov: 595 ft: 847"),
            "{figures}"
        );
    }
}

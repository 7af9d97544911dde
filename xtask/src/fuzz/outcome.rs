//! What a run of libFuzzer came to, read from what it printed.

use std::fmt;

/// The figures of a run, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) figures: Figures,
    pub(crate) end: End,
}

/// libFuzzer's own figures; zero before it has printed any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) executions: u64,
    pub(crate) executions_a_second: u64,
    /// Edges of the control flow that were reached (`cov`).
    pub(crate) edges: u64,
    /// Edges told apart by how often, and comparisons by their outcome (`ft`).
    pub(crate) features: u64,
    /// Inputs kept.
    pub(crate) corpus: u64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
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
    /// Reads it from what a run printed.
    pub(super) fn of(name: &'static str, succeeded: bool, output: &str) -> Self {
        let skipped = output
            .lines()
            .find_map(|line| line.split_once("skipped: needs "));
        let end = match (succeeded, skipped) {
            (true, Some((_, reason))) => End::Skipped(reason.to_owned()),
            (true, None) => End::Clean,
            (false, _) => End::Failed {
                what: complaint(output),
                artifact: artifact(output),
            },
        };
        Self {
            name,
            figures: Figures::of(output),
            end,
        }
    }

    /// The head of a table of outcomes.
    pub(super) const HEAD: &'static str =
        "target            executions   exec/s    edges features   corpus  result";
}

impl Figures {
    /// From the last line that has them, `#115038 DONE cov: 595 ft: 847 corp: 77/3608b lim: 878 exec/s: 10458 rss: 101Mb`.
    pub(super) fn of(output: &str) -> Self {
        let mut lines = output.lines().rev();
        let Some(line) = lines.find(|line| line.starts_with('#') && line.contains(" cov: ")) else {
            return Self::default();
        };
        let executions = number(&line[1..]);
        let after = |label| line.split_once(label).map_or(0, |(_, rest)| number(rest));
        Self {
            executions,
            executions_a_second: after(" exec/s: "),
            edges: after(" cov: "),
            features: after(" ft: "),
            corpus: after(" corp: "),
        }
    }
}

/// The digits that a text begins with.
fn number(text: &str) -> u64 {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// A panic's place and message, or else the first line in which the fuzzer or a sanitizer says "ERROR", or else the last.
fn complaint(output: &str) -> String {
    let mut lines = output.lines();
    while let Some(line) = lines.next() {
        if line.contains("' panicked at ") || line.contains(") panicked at ") {
            let place = line.split_once("panicked at ").map_or(line, |(_, at)| at);
            return format!("panicked at {place} {}", lines.next().unwrap_or_default());
        }
    }
    let error = output.lines().find(|line| line.contains("ERROR: "));
    let last = || output.lines().rev().find(|line| !line.trim().is_empty());
    error.or_else(last).unwrap_or("it said nothing").to_owned()
}

fn artifact(output: &str) -> Option<String> {
    let written = output
        .lines()
        .find_map(|line| line.split_once("Test unit written to "));
    written.map(|(_, path)| path.trim().to_owned())
}

impl fmt::Display for Outcome {
    /// A row of the table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures {
            executions,
            executions_a_second: rate,
            edges,
            features,
            corpus,
        } = self.figures;
        write!(
            f,
            "{:<16} {executions:>11} {rate:>8} {edges:>8} {features:>8} {corpus:>8}  ",
            self.name
        )?;
        match &self.end {
            End::Clean => f.write_str("ok"),
            End::Skipped(reason) => write!(f, "skipped: needs {reason}"),
            End::Failed { .. } => f.write_str("FAILED"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Figures, Outcome};

    const CLEAN: &str = "\
INFO: Running with entropic power schedule (0xFF, 100).
#2	INITED cov: 17 ft: 18 corp: 1/1b exec/s: 0 rss: 36Mb
#115038	DONE   cov: 595 ft: 847 corp: 77/3608b lim: 878 exec/s: 10458 rss: 101Mb
Done 115038 runs in 11 second(s)
";
    const PANIC: &str = "\
#64	pulse  cov: 20 ft: 21 corp: 2/9b lim: 4 exec/s: 32 rss: 36Mb
thread '<unnamed>' (77) panicked at fuzz/src/x.rs:7:9:
two owners
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
==77== ERROR: libFuzzer: deadly signal
artifact_prefix='/a/'; Test unit written to /a/crash-0bad
";

    #[test]
    fn figures_are_the_last_ones() {
        let outcome = Outcome::of("x", true, CLEAN);
        assert_eq!(outcome.end, End::Clean);
        let expected = Figures {
            executions: 115_038,
            executions_a_second: 10_458,
            edges: 595,
            features: 847,
            corpus: 77,
        };
        assert_eq!(outcome.figures, expected);
        assert_eq!(Figures::of("error: no such program"), Figures::default());
    }

    #[test]
    fn a_finding_names_its_cause_and_its_input() {
        let failed = |what: &str, artifact: Option<&str>| End::Failed {
            what: what.to_owned(),
            artifact: artifact.map(str::to_owned),
        };
        assert_eq!(
            Outcome::of("x", false, PANIC).end,
            failed(
                "panicked at fuzz/src/x.rs:7:9: two owners",
                Some("/a/crash-0bad")
            )
        );
        let out_of_bounds = "==9==ERROR: AddressSanitizer: heap-buffer-overflow\n";
        assert_eq!(
            Outcome::of("x", false, out_of_bounds).end,
            failed(out_of_bounds.trim(), None)
        );
        assert_eq!(
            Outcome::of("x", false, "").end,
            failed("it said nothing", None)
        );
    }

    #[test]
    fn what_can_not_run_is_skipped_and_not_clean() {
        let outcome = Outcome::of("x", true, "skipped: needs CAP_BPF\n");
        assert_eq!(outcome.end, End::Skipped("CAP_BPF".to_owned()));
    }
}

//! The outcome of a run of libFuzzer, read from its output.

use crate::tally::SKIPPED;

/// The figures of a run, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) target: String,
    pub(super) figures: Figures,
    pub(super) end: End,
}

/// libFuzzer's own figures; zero before it has printed any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) executions: u64,
    pub(super) executions_per_second: u64,
    /// Edges of the control flow that were reached (`cov`).
    pub(super) edges: u64,
    /// Edges told apart by how often, and comparisons by their outcome (`ft`).
    pub(super) features: u64,
    /// Inputs kept.
    pub(super) corpus: u64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    pub(super) fn of(target: String, succeeded: bool, output: &str) -> Self {
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
        let figures = Figures::of(output);
        Self {
            target,
            figures,
            end,
        }
    }

    /// A row of the table under [`HEAD`].
    pub(super) fn row(&self) -> [String; 7] {
        let figures = self.figures;
        let end = match &self.end {
            End::Clean => "ok".to_owned(),
            End::Skipped(reason) => format!("{SKIPPED}{reason}"),
            End::Failed { .. } => "FAILED".to_owned(),
        };
        [
            self.target.clone(),
            figures.executions.to_string(),
            figures.executions_per_second.to_string(),
            figures.edges.to_string(),
            figures.features.to_string(),
            figures.corpus.to_string(),
            end,
        ]
    }
}

pub(super) const HEAD: [&str; 7] = [
    "target",
    "executions",
    "exec/s",
    "edges",
    "features",
    "corpus",
    "result",
];

impl Figures {
    /// From the last line that has them, as `#115038 DONE cov: 595 ft: 847 corp: 77/3608b lim: 878
    /// exec/s: 10458 rss: 101Mb`.
    pub(super) fn of(output: &str) -> Self {
        let mut lines = output.lines().rev();
        let is_status = |line: &&str| line.starts_with('#') && line.contains(" cov: ");
        let line = lines.find(is_status).unwrap_or_default();
        let after = |label| {
            let (_, rest) = line.split_once(label)?;
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse().ok()
        };
        let after = |label| after(label).unwrap_or(0);
        Self {
            executions: after("#"),
            executions_per_second: after(" exec/s: "),
            edges: after(" cov: "),
            features: after(" ft: "),
            corpus: after(" corp: "),
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
        let outcome = Outcome::of("x".to_owned(), true, CLEAN);
        assert_eq!(outcome.end, End::Clean);
        let expected = Figures {
            executions: 115_038,
            executions_per_second: 10_458,
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
            Outcome::of("x".to_owned(), false, PANIC).end,
            failed(
                "panicked at fuzz/src/x.rs:7:9: two owners",
                Some("/a/crash-0bad")
            )
        );
        let out_of_bounds = "==9==ERROR: AddressSanitizer: heap-buffer-overflow\n";
        assert_eq!(
            Outcome::of("x".to_owned(), false, out_of_bounds).end,
            failed(out_of_bounds.trim(), None)
        );
        assert_eq!(
            Outcome::of("x".to_owned(), false, "").end,
            failed("no output", None)
        );
    }

    #[test]
    fn what_can_not_run_is_skipped_and_not_clean() {
        let outcome = Outcome::of("x".to_owned(), true, "skipped: needs CAP_BPF\n");
        assert_eq!(outcome.end, End::Skipped("CAP_BPF".to_owned()));
    }
}

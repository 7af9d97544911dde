//! What a command prints: at its end one JSON object on stdout, or a table for people; before that,
//! lines on stderr.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};

use anyhow::Context;
use serde::Serialize;
use xskit::quic::client::{CertificateProblemKind, ConnectionEnd};
use xskit::quic::{IdentityError, Printable, RootError, SetupError};

/// Prints a line on stderr, in one write, so that lines of several processes don't mix. A stderr
/// that is closed or full is ignored. Control characters from peers or file names are escaped, so
/// it stays one line.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let line = format!("{}\n", Printable(&line.to_string()));
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// The whole chain of causes on one line, and the options that its remedies are here. A cause that
/// the text before it already contains is not repeated.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    match error.chain().find_map(options) {
        Some(options) => format!("{text} ({options})"),
        None => text,
    }
}

/// The options behind the remedy of a library's error, which names none.
fn options(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(SetupError::Identity(error)) = error.downcast_ref() {
        return of_identity(error);
    }
    if let Some(SetupError::Root(error)) = error.downcast_ref() {
        return of_root(error);
    }
    if let Some(SetupError::TrustFile { .. } | SetupError::TrustPem { .. }) = error.downcast_ref() {
        return Some("--ca");
    }
    if let Some(ConnectionEnd::Certificate(problem)) = error.downcast_ref() {
        return match problem.kind {
            CertificateProblemKind::Untrusted => Some("--ca FILE, --insecure"),
            CertificateProblemKind::Expired { .. } | CertificateProblemKind::NotYetValid { .. } => {
                None
            }
            _ => Some("--insecure"),
        };
    }
    let identity = error.downcast_ref().and_then(of_identity);
    identity.or_else(|| error.downcast_ref().and_then(of_root))
}

fn of_identity(error: &IdentityError) -> Option<&'static str> {
    match error {
        IdentityError::CertificateFile { .. } => Some("--cert, or --self-signed to try things out"),
        IdentityError::KeyFile { .. } => Some("--key"),
        _ => None,
    }
}

fn of_root(error: &RootError) -> Option<&'static str> {
    matches!(error, RootError::Open { .. }).then_some("--root")
}

/// Prints `report` as one line of JSON, or as the rows that it makes for people.
pub(crate) fn print<R: Report>(report: &R, json: bool) -> anyhow::Result<()> {
    let text = match json {
        true => serde_json::to_string(report)? + "\n",
        false => table(report),
    };
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("write(2) of the report to stdout, after all else was done")
}

fn table<R: Report>(report: &R) -> String {
    let rows = report.rows();
    let width = rows
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    rows.iter()
        .map(|(name, value)| format!("  {name:width$}  {}\n", Printable(value)))
        .collect()
}

/// A report at the end of a command.
pub(crate) trait Report: Serialize {
    /// Names and values, in order.
    fn rows(&self) -> Vec<(&'static str, String)>;
}

/// A number with commas between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `part` per 1,000 of `whole`.
pub(crate) fn per_thousand(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 * 1000.0 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;
    use serde::Serialize;

    use super::{Report, describe, grouped, per_thousand, table};

    #[derive(Serialize)]
    struct Hostile;

    impl Report for Hostile {
        fn rows(&self) -> Vec<(&'static str, String)> {
            vec![("file", "a\x1b[2J\nb".to_owned())]
        }
    }

    #[test]
    fn a_table_holds_nothing_that_a_terminal_obeys() {
        assert_eq!(table(&Hostile), "  file  a\\u{1b}[2J\\u{a}b\n");
    }

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow!("no such file").context("can't read x (no such file)");
        assert_eq!(describe(&error), "can't read x (no such file)");
        let error = anyhow!("no such file").context("open").context("reading x");
        assert_eq!(describe(&error), "reading x: open: no such file");
    }

    #[test]
    fn groups_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(12_345_678), "12,345,678");
    }

    #[test]
    fn of_nothing_there_is_nothing() {
        assert_eq!(per_thousand(5, 0), 0.0);
        assert_eq!(per_thousand(31, 1000), 31.0);
    }
}

//! `CONFORMANCE.md`: the table of a run, kept beside the source.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::lab::Platform;
use super::{Case, How, WRITE};

const INTRODUCTION: &str = "\
# Conformance with xskxceiver

The kernel tests AF_XDP by `xskxceiver` (`tools/testing/selftests/bpf`; the cases are those of
`prog_tests/test_xsk.h`). Each of its cases is a row here, with what a run found. `cargo test -p
xskit-rustix --test conformance`, and the same for `xskit-uring`, run them all; a run that finds anything
else fails. With `XSKIT_CONFORMANCE=FILE` it writes the columns of where it runs into `FILE` instead.

- **safe code**: written through xskit's public interface, and checks what xskxceiver checks.
- **raw sockets**: safe code can't ask the kernel for this, or not yet. A raw socket makes the system
  calls and writes the rings without the library's checks, and so shows the kernel's own answer.
- **–**: not written, since xskit lacks the feature.
- **passes**: everything was as xskxceiver asserts it. On cards zero-copy is forced, and read back.
- **skipped**: can't be had there. xskxceiver skips it there as well.

";

/// Outcomes by case and platform.
type Cells = BTreeMap<(&'static str, &'static str), String>;

/// Compares the cells with the table, or writes the table if the environment asks for it. Columns
/// of other platforms, and cells that this machine has no answer for, stay as they are.
pub(super) fn settle<B>(cases: &[Case<B>], cells: &Cells) {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("CONFORMANCE.md");
    let write_to = std::env::var_os(WRITE).map(std::path::PathBuf::from);
    let path = write_to.as_deref().unwrap_or(&committed);
    let before = std::fs::read_to_string(path)
        .or_else(|_| std::fs::read_to_string(&committed))
        .unwrap_or_default();
    let now = render(cases, cells, &parse(&before));
    match write_to {
        Some(path) => std::fs::write(path, now).expect("the table can be written"),
        None => assert!(
            now == before,
            "{} says otherwise. If this run is right, write it by {WRITE}={0}:\n{now}",
            committed.display()
        ),
    }
}

/// The cells of a table, by case and platform.
fn parse(text: &str) -> BTreeMap<(String, String), String> {
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let mut cells = BTreeMap::new();
    for row in rows {
        let mut columns = row.split('|').map(str::trim).skip(1);
        let name = columns.next().unwrap_or_default().trim_matches('`');
        for (platform, cell) in Platform::ALL.iter().zip(columns.skip(1)) {
            cells.insert(
                (name.to_owned(), platform.name().to_owned()),
                cell.to_owned(),
            );
        }
    }
    cells
}

fn render<B>(
    cases: &[Case<B>],
    cells: &Cells,
    others: &BTreeMap<(String, String), String>,
) -> String {
    let mut text = INTRODUCTION.to_owned();
    let platforms = Platform::ALL.map(Platform::name);
    let heads = platforms.join(" | ");
    let _ = writeln!(text, "| case | written in | {heads} | note |");
    let _ = writeln!(
        text,
        "| --- | --- |{} --- |",
        " --- |".repeat(platforms.len())
    );
    for case in cases {
        let (written, why) = case.how.columns();
        let cell = |platform: &'static str| {
            let other = || others.get(&(case.name.to_owned(), platform.to_owned()));
            match case.how {
                How::Missing(_) => "–",
                _ => {
                    let cell = cells.get(&(case.name, platform)).or_else(other);
                    cell.map_or("not run", String::as_str)
                }
            }
        };
        let outcomes = platforms.map(cell).join(" | ");
        let row = format!("| `{}` | {written} | {outcomes} | {why}", case.name);
        let _ = writeln!(text, "{} |", row.trim_end());
    }
    text
}

impl<B> How<B> {
    /// The table's text on how a case is written, and why.
    fn columns(&self) -> (&'static str, String) {
        match self {
            Self::Safe(_, why) => ("safe code", (*why).to_owned()),
            Self::Raw(_, why) => ("raw sockets", format!("not in safe code: {why}")),
            Self::RawMissing(_, what) => ("raw sockets", format!("xskit lacks {what}")),
            Self::Missing(what) => ("–", format!("xskit lacks {}", what.join(", and "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cells, Platform, parse, render};
    use crate::conformance::cases;
    use xskit_rustix::RustixBackend;

    #[test]
    fn a_run_replaces_only_its_own_and_a_case_has_one_name() {
        let cases = cases::<RustixBackend>();
        let (there, here) = ("igb, zero-copy", "veth, native");
        let first = Cells::from([(("POLL_TX", there), "passes".to_owned())]);
        let second = Cells::from([(("POLL_TX", here), "skipped: reason".to_owned())]);
        let text = render(&cases, &first, &parse(""));
        let text = render(&cases, &second, &parse(&text));
        let cells = parse(&text);
        let cell = |name: &str, platform: &str| &cells[&(name.to_owned(), platform.to_owned())];
        assert_eq!(cell("POLL_TX", there), "passes");
        assert_eq!(cell("POLL_TX", here), "skipped: reason");
        assert_eq!(cell("POLL_RX", here), "not run");
        assert_eq!(cells.len(), cases.len() * Platform::ALL.len());
    }
}

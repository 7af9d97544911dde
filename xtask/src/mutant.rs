//! Every use of a memory ordering in a source file, and what weakens it.

use anyhow::{Result, ensure};

/// A file with one ordering weakened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// Counted from 1.
    pub(crate) line: usize,
    /// The code of that line as it was.
    pub(crate) code: String,
    /// The weaker ordering, or [`REMOVED`].
    pub(crate) weakened: &'static str,
    pub(crate) text: String,
}

const NAMES: [&str; 5] = ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];

/// Of a fence.
const REMOVED: &str = "removed";

/// One for each next weaker ordering in the code of `text`: not in comments, not in its tests.
///
/// An ordering that is not written `Ordering::X` would go unseen, so that is an error.
pub(crate) fn mutants(text: &str) -> Result<Vec<Mutant>> {
    let lines: Vec<_> = text.lines().collect();
    let code = text.split("#[cfg(test)]\nmod ").next();
    let mut mutants = Vec::new();
    for (at, line) in code.unwrap_or_default().lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for (start, name) in orderings(code) {
            let qualified = code[..start].ends_with("Ordering::");
            ensure!(qualified, "line {}: write it as `Ordering::{name}`", at + 1);
            for weakened in weaker(&code[..start], name) {
                let mutated = match *weakened {
                    REMOVED => line.replace(&format!("fence(Ordering::{name})"), "()"),
                    _ => [&line[..start], weakened, &line[start + name.len()..]].concat(),
                };
                let mut lines = lines.clone();
                lines[at] = &mutated;
                mutants.push(Mutant {
                    line: at + 1,
                    code: code.trim().to_owned(),
                    weakened,
                    text: lines.join("\n") + "\n",
                });
            }
        }
    }
    Ok(mutants)
}

/// The names of orderings in a line, and where each starts.
fn orderings(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let found = NAMES.into_iter().flat_map(|name| code.match_indices(name));
    found.filter(move |(start, name)| {
        let (before, after) = (&code[..*start], &code[start + name.len()..]);
        !before.ends_with(is_word) && !after.starts_with(is_word)
    })
}

/// The next weaker orderings that a call may have; none for a relaxed one.
fn weaker(before: &str, ordering: &str) -> &'static [&'static str] {
    let call = before.trim_end_matches("Ordering::");
    match (call.ends_with("fence("), ordering) {
        (_, "Relaxed") => &[],
        (true, "SeqCst") => &["AcqRel", REMOVED],
        (true, _) => &[REMOVED],
        (_, "SeqCst") if call.ends_with(".load(") => &["Acquire"],
        (_, "SeqCst") if call.contains(".store(") => &["Release"],
        (_, "SeqCst") => &["AcqRel"],
        (_, "AcqRel") => &["Acquire", "Release"],
        _ => &["Relaxed"],
    }
}

#[cfg(test)]
mod tests {
    use super::mutants;

    const TEXT: &str = "\
use crate::sync::{Ordering, fence};

// Ordering::SeqCst in a comment – is none.
fn publish(&self) {
    self.word.store(self.next(), Ordering::Release); // as is Ordering::Acquire
    fence(Ordering::SeqCst);
    self.count
        .fetch_add(1, Ordering::AcqRel);
    self.flags.load(Ordering::Relaxed);
    self.flags.load(Ordering::SeqCst)
}

#[cfg(test)]
mod tests {
    fn f() { X.load(Ordering::Acquire); }
}
";

    #[test]
    fn each_mutant_differs_in_one_line() {
        let mutants = mutants(TEXT).expect("qualified names only");
        let changed = [
            (
                5,
                "Relaxed",
                "    self.word.store(self.next(), Ordering::Relaxed); // as is Ordering::Acquire",
            ),
            (6, "AcqRel", "    fence(Ordering::AcqRel);"),
            (6, "removed", "    ();"),
            (8, "Acquire", "        .fetch_add(1, Ordering::Acquire);"),
            (8, "Release", "        .fetch_add(1, Ordering::Release);"),
            (10, "Acquire", "    self.flags.load(Ordering::Acquire)"),
        ];
        assert_eq!(mutants.len(), changed.len());
        for (mutant, (line, weakened, mutated)) in mutants.iter().zip(changed) {
            let mut lines: Vec<_> = TEXT.lines().collect();
            lines[line - 1] = mutated;
            assert_eq!((mutant.line, mutant.weakened), (line, weakened));
            assert_eq!(mutant.text, lines.join("\n") + "\n");
        }
        assert_eq!(mutants[1].code, "fence(Ordering::SeqCst);");
    }

    #[test]
    fn orderings_in_disguise_are_refused() {
        for disguise in ["use Ordering::{Acquire};", "fn f() { x.load(Acquire) }"] {
            assert!(mutants(disguise).is_err(), "{disguise}");
        }
    }
}

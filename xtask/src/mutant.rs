//! Every use of a memory ordering in a source file, and what weakens it.

use std::ops::Range;

use anyhow::{Result, bail};

/// `Ordering::X` in the code of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Site {
    /// Counted from 1.
    pub(crate) line: usize,
    /// The function it is in.
    pub(crate) function: String,
    /// The call it is an argument of: `load`, `store`, `fence`, …
    pub(crate) call: String,
    pub(crate) ordering: String,
    /// The bytes of the ordering's name.
    name: Range<usize>,
    /// The bytes of a call of `fence`, to leave out.
    fence: Option<Range<usize>>,
}

/// A weaker ordering, and the file with it.
pub(crate) struct Mutant {
    pub(crate) weakened: &'static str,
    pub(crate) text: String,
}

const NAMES: [&str; 5] = ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];
const QUALIFIER: &str = "Ordering::";

/// The sites in the code of `text`: not in comments, not in its tests.
///
/// An ordering that is not written `Ordering::X` would go unseen, so that is an error.
pub(crate) fn sites(text: &str) -> Result<Vec<Site>> {
    let code = code(text);
    let mut sites = Vec::new();
    for name in words(&code) {
        if !NAMES.contains(&&code[name.clone()]) {
            continue;
        }
        let line = code[..name.start].matches('\n').count() + 1;
        let before = code[..name.start].strip_suffix(QUALIFIER);
        let open = before.and_then(innermost_open);
        let (Some(_), Some(open)) = (before, open) else {
            bail!(
                "line {line}: write it as `{QUALIFIER}{}`, in the call it is for",
                &code[name]
            );
        };
        let call = code[..open].trim_end_matches(is_word).len()..open;
        let fence = code[call.clone()].ends_with("fence").then(|| {
            let close = code[name.end..]
                .find(')')
                .map_or(code.len(), |at| name.end + at + 1);
            code[..open]
                .trim_end_matches(|c| is_word(c) || c == ':')
                .len()..close
        });
        let function = code[..name.start]
            .rsplit_once("fn ")
            .map_or("", |(_, rest)| rest);
        sites.push(Site {
            line,
            function: function.chars().take_while(|c| is_word(*c)).collect(),
            call: code[call].to_owned(),
            ordering: code[name.clone()].to_owned(),
            name,
            fence,
        });
    }
    Ok(sites)
}

impl Site {
    /// The next weaker orderings that the call may have; none for a relaxed one.
    pub(crate) fn mutants(&self, text: &str) -> Vec<Mutant> {
        let weaker: &[&str] = match (self.fence.is_some(), &*self.call, &*self.ordering) {
            (_, _, "Relaxed") => &[],
            (true, _, "SeqCst") => &["AcqRel", "removed"],
            (true, _, _) => &["removed"],
            (_, "load", "SeqCst") => &["Acquire"],
            (_, "store", "SeqCst") => &["Release"],
            (_, _, "SeqCst") => &["AcqRel"],
            (_, _, "AcqRel") => &["Acquire", "Release"],
            _ => &["Relaxed"],
        };
        let mutant = |weakened: &&'static str| {
            let (range, with) = match &self.fence {
                Some(fence) if *weakened == "removed" => (fence.clone(), "()"),
                _ => (self.name.clone(), *weakened),
            };
            let mut text = text.to_owned();
            text.replace_range(range, with);
            Mutant { weakened, text }
        };
        weaker.iter().map(mutant).collect()
    }
}

/// The text with comments and the module of tests blanked, every byte where it was.
fn code(text: &str) -> String {
    let tests = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    let mut code = String::with_capacity(text.len());
    for line in text[..tests].split_inclusive('\n') {
        let comment = line.find("//").unwrap_or(line.len());
        code.push_str(&line[..comment]);
        code.extend(
            line[comment..]
                .bytes()
                .map(|b| if b == b'\n' { '\n' } else { ' ' }),
        );
    }
    code
}

/// Where the words of `code` are.
fn words(code: &str) -> impl Iterator<Item = Range<usize>> {
    let mut end = 0;
    std::iter::from_fn(move || {
        let start = end + code[end..].find(is_word)?;
        end = code[start..]
            .find(|c| !is_word(c))
            .map_or(code.len(), |at| start + at);
        Some(start..end)
    })
}

/// Where the bracket opens that is still open at the end of `code`.
fn innermost_open(code: &str) -> Option<usize> {
    let mut closed = 0;
    for (at, c) in code.char_indices().rev() {
        match c {
            ')' => closed += 1,
            '(' if closed == 0 => return Some(at),
            '(' => closed -= 1,
            '{' | '}' => return None,
            _ => {}
        }
    }
    None
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::sites;

    const TEXT: &str = "\
use crate::sync::{Ordering, fence};

// Ordering::SeqCst in a comment – is none.
fn publish(&self) {
    self.word.store(self.next(1).word(), Ordering::Release); // as is Ordering::Acquire here
    atomic::fence(Ordering::SeqCst);
    self.count
        .fetch_add(1, Ordering::AcqRel);
    self.flags.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    fn f() { X.load(Ordering::Acquire); }
}
";

    #[test]
    fn sites_are_found_with_their_calls() {
        let found: Vec<_> = sites(TEXT)
            .expect("qualified names only")
            .into_iter()
            .map(|site| (site.line, site.function, site.call, site.ordering))
            .collect();
        let site = |line, call: &str, ordering: &str| {
            (
                line,
                "publish".to_owned(),
                call.to_owned(),
                ordering.to_owned(),
            )
        };
        assert_eq!(
            found,
            [
                site(5, "store", "Release"),
                site(6, "fence", "SeqCst"),
                site(8, "fetch_add", "AcqRel"),
                site(9, "load", "Relaxed"),
            ]
        );
    }

    #[test]
    fn each_mutant_differs_in_one_place() {
        let sites = sites(TEXT).expect("qualified names only");
        let mutants: Vec<_> = sites.iter().flat_map(|site| site.mutants(TEXT)).collect();
        let changed = [
            (
                "Relaxed",
                "word(), Ordering::Release",
                "word(), Ordering::Relaxed",
            ),
            (
                "AcqRel",
                "    atomic::fence(Ordering::SeqCst)",
                "    atomic::fence(Ordering::AcqRel)",
            ),
            ("removed", "    atomic::fence(Ordering::SeqCst)", "    ()"),
            ("Acquire", "(1, Ordering::AcqRel)", "(1, Ordering::Acquire)"),
            ("Release", "(1, Ordering::AcqRel)", "(1, Ordering::Release)"),
        ];
        assert_eq!(mutants.len(), changed.len());
        for (mutant, (weakened, from, to)) in mutants.iter().zip(changed) {
            assert_eq!(
                (mutant.weakened, &mutant.text),
                (weakened, &TEXT.replace(from, to))
            );
        }
    }

    #[test]
    fn orderings_in_disguise_are_refused() {
        for disguise in [
            "use Ordering::{Acquire};",
            "fn f() { x.load(Acquire) }",
            "const O: Ordering = Ordering::SeqCst;",
        ] {
            assert!(sites(disguise).is_err(), "{disguise}");
        }
    }
}

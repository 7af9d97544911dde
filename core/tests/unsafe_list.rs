//! Compares the README's table of `unsafe`, by file and count, with the source, and lists the
//! `unsafe` items that a user can meet.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every `unsafe fn` there is. Only the first two can be met from outside, and neither by a program
/// that moves packets: one is for code that maps a ring itself, the other for code that implements
/// a backend.
const UNSAFE_FNS: [(&str, &str); 6] = [
    ("ring/memory.rs", "pub unsafe fn from_map"),
    ("backend.rs", "unsafe fn unmap"),
    ("sim/backend.rs", "unsafe fn unmap"),
    ("umem/memory.rs", "pub(super) unsafe fn bytes"),
    ("umem/memory.rs", "pub(super) unsafe fn bytes_mut"),
    ("umem/memory.rs", "unsafe fn at"),
];

/// Every `unsafe trait`: the promises of code that provides memory, or makes the calls.
const UNSAFE_TRAITS: [(&str, &str); 2] = [
    ("backend.rs", "pub unsafe trait Backend"),
    ("umem/memory.rs", "pub unsafe trait Memory"),
];

/// The heading of the README's table: file, blocks, impls, fns, what for.
const HEADING: &str = "## unsafe, by file";

/// What `unsafe` stands before, in one file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    blocks: usize,
    impls: usize,
    fns: usize,
}

#[test]
fn the_readme_lists_every_unsafe_block_impl_and_fn() {
    let mut found = BTreeMap::new();
    for (file, text) in sources() {
        let count = Count {
            blocks: declarations(&text, "{").len(),
            impls: declarations(&text, "impl").len(),
            fns: declarations(&text, "fn").len(),
        };
        if count != Count::default() {
            found.insert(file, count);
        }
    }
    assert_eq!(found, table(), "left: the source, right: core/README.md");
}

#[test]
fn no_unsafe_fn_or_trait_is_public_but_the_known_ones() {
    assert_eq!(named("fn"), sorted(&UNSAFE_FNS));
    assert_eq!(named("trait"), sorted(&UNSAFE_TRAITS));
}

#[test]
fn unsafe_stands_before_nothing_else() {
    for (file, text) in sources() {
        let all = tokens(&text)
            .into_iter()
            .filter(|token| *token == "unsafe")
            .count();
        let known = ["{", "impl", "fn", "trait"].map(|what| declarations(&text, what).len());
        assert_eq!(all, known.iter().sum::<usize>(), "{file}");
    }
}

/// File by file, every declaration of an unsafe `what`, up to its name.
fn named(what: &str) -> Vec<(String, String)> {
    let mut named = Vec::new();
    for (file, text) in sources() {
        let found = declarations(&text, what);
        named.extend(found.into_iter().map(|declared| (file.clone(), declared)));
    }
    named.sort();
    named
}

fn sorted(list: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(file, declared): &(&str, &str)| (file.to_string(), declared.to_string());
    let mut list: Vec<_> = list.iter().map(owned).collect();
    list.sort();
    list
}

/// Where the word `unsafe` stands before `what`: with the visibility before it and the name after.
fn declarations(text: &str, what: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        if pair == ["unsafe", what] {
            let visibility = match &tokens[..at] {
                [.., "pub"] => "pub ",
                [.., "pub", "(", "super", ")"] => "pub(super) ",
                [.., "pub", "(", "crate", ")"] => "pub(crate) ",
                _ => "",
            };
            let name = tokens.get(at + 2).unwrap_or(&"");
            found.push(format!("{visibility}unsafe {what} {name}"));
        }
    }
    found
}

/// Names and numbers as they are, all else character by character; line comments left out. Text in
/// quotes is not told from code: there is no `unsafe` in any.
fn tokens(text: &str) -> Vec<&str> {
    assert!(!text.contains("/*"), "block comments aren't looked for");
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut tokens = Vec::new();
    for line in text.lines() {
        let mut rest = line.split("//").next().unwrap_or_default().trim_start();
        while let Some(first) = rest.chars().next() {
            let name_len = rest.bytes().take_while(|byte| is_name(byte)).count();
            let (token, after) = rest.split_at(name_len.max(first.len_utf8()));
            tokens.push(token);
            rest = after.trim_start();
        }
    }
    tokens
}

/// Each file of `src/`, by its path there, without the unit tests at its end.
fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    assert!(files.len() > 30, "the source is there: {}", files.len());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source file");
        let name = path.strip_prefix(&root).expect("inside src");
        let code = text.split("#[cfg(test)]\nmod tests {").next();
        (
            name.display().to_string(),
            code.unwrap_or_default().to_owned(),
        )
    };
    files.into_iter().map(read).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The README's table.
fn table() -> BTreeMap<String, Count> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).expect("core/README.md");
    let (_, section) = readme
        .split_once(HEADING)
        .expect("the section of the table");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, file, blocks, impls, fns, what_for, _] = cells[..] else {
            panic!("five columns: {row}");
        };
        assert!(!what_for.is_empty(), "what is it for: {row}");
        let number = |cell: &str| cell.parse().unwrap_or_else(|_| panic!("a number: {row}"));
        let count = Count {
            blocks: number(blocks),
            impls: number(impls),
            fns: number(fns),
        };
        (file.trim_matches('`').to_owned(), count)
    })
    .collect()
}

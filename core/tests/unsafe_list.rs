//! Compares the README's table of `unsafe`, by file and count, with the source, and lists the
//! `unsafe` items that a user can meet.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every `unsafe fn` and `unsafe trait` there is. A user can meet only the public ones: code that
/// maps a ring itself, and the promises of code that implements a backend or provides memory. None
/// is for a program that moves packets.
const DECLARED: [&str; 8] = [
    "backend/mod.rs: pub unsafe trait Backend",
    "backend/mod.rs: unsafe fn unmap",
    "ring/memory.rs: pub unsafe fn from_map",
    "sim/backend.rs: unsafe fn unmap",
    "umem/memory.rs: pub unsafe trait Memory",
    "umem/memory.rs: pub(super) unsafe fn bytes",
    "umem/memory.rs: pub(super) unsafe fn bytes_mut",
    "umem/memory.rs: unsafe fn at",
];

#[test]
fn the_readme_lists_every_unsafe_block_impl_and_fn() {
    let mut found = BTreeMap::new();
    for (file, code) in sources() {
        let count = |what| code.matches(what).count();
        let row = ["unsafe {", "unsafe impl", "unsafe fn"].map(count);
        // Nothing else is unsafe: an `extern` block, for instance.
        let all = row.iter().sum::<usize>() + count("unsafe trait");
        let is_unsafe = |word: &&str| *word == "unsafe";
        assert_eq!(words(&code).filter(is_unsafe).count(), all, "{file}");
        if row != [0; 3] {
            found.insert(file, row);
        }
    }
    assert_eq!(found, table(), "left: the source, right: core/README.md");
}

#[test]
fn no_unsafe_fn_or_trait_is_public_but_the_known_ones() {
    let mut declared = Vec::new();
    for (file, code) in sources() {
        for line in code.lines().map(str::trim) {
            for what in ["unsafe fn", "unsafe trait"] {
                if let Some((visibility, rest)) = line.split_once(what) {
                    let name = words(rest).next().unwrap_or_default();
                    declared.push(format!("{file}: {visibility}{what} {name}"));
                }
            }
        }
    }
    declared.sort();
    assert_eq!(declared, DECLARED);
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    let words = code.split(|char: char| !char.is_alphanumeric() && char != '_');
    words.filter(|word| !word.is_empty())
}

/// Each file of `src/`, by its path there, without line comments and the unit tests at its end.
/// rustfmt puts one space after `unsafe`, and no source has it in quotes or a block comment.
fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut sources) = (vec![root.clone()], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).expect("a source file");
            assert!(!text.contains("/*"), "{}", path.display());
            let text = text.split("#[cfg(test)]\nmod tests {").next();
            let lines = text.unwrap_or_default().lines();
            let code = lines.map(|line| line.split("//").next().unwrap_or_default());
            let name = path.strip_prefix(&root).expect("inside src");
            let code = code.collect::<Vec<_>>().join("\n");
            sources.insert(name.display().to_string(), code);
        }
    }
    assert!(sources.len() > 30, "the source is there: {}", sources.len());
    sources
}

/// The README's table: file, blocks, impls, fns, what for.
fn table() -> BTreeMap<String, [usize; 3]> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).expect("core/README.md");
    let (_, section) = readme.split_once("## unsafe, by file").expect("the table");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, file, blocks, impls, fns, what_for, _] = cells[..] else {
            panic!("five columns: {row}");
        };
        assert!(!what_for.is_empty(), "what is it for: {row}");
        let counts = [blocks, impls, fns].map(|cell| cell.parse().expect(row));
        (file.trim_matches('`').to_owned(), counts)
    })
    .collect()
}

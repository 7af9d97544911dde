//! What the examples look like: short, plain, linked in the README, and each run by a test.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// What an example may be: short, and without what a user of the library should not need.
#[test]
fn examples_are_short_and_plain() {
    const MOST_LINES: usize = 60;
    /// A device, and the program above it.
    const MOST_LINES_OF_OWN_BACKEND: usize = 150;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| fs::read_to_string(path).expect("a file of the repository");
    let readme = read(&root.join("README.md"));
    let tests = [
        "tests/examples/main.rs",
        "tests/examples/quic.rs",
        "core/tests/examples.rs",
    ];
    let tests = tests.map(|file| read(&root.join(file))).concat();
    let mut names = Vec::new();
    for folder in ["examples", "core/examples"] {
        for entry in fs::read_dir(root.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().and_then(OsStr::to_str).expect("a name");
            // A folder has what several examples share.
            let is_shared = path.is_dir();
            let text = match is_shared {
                true => read(&path.join("mod.rs")),
                false => read(&path),
            };
            let most = match name {
                "own_backend" => MOST_LINES_OF_OWN_BACKEND,
                _ => MOST_LINES,
            };
            let lines = text.lines().count();
            assert!(lines <= most, "{name}: {lines} lines");
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                let plain = !line.contains("unsafe") && !line.contains("sleep(");
                assert!(plain && !names_a_lifetime(line), "{name}: {line}");
            }
            if is_shared {
                continue;
            }
            let link = format!("({folder}/{name}.rs)");
            assert!(readme.contains(&link), "README.md: no {link}");
            let test = format!("\nfn {name}()");
            assert!(tests.contains(&test), "no test {test:?}");
            names.push(name.to_owned());
        }
    }
    assert!(names.len() >= 10, "{names:?}");
}

/// Whether there is a lifetime with a name, other than `'static`.
fn names_a_lifetime(line: &str) -> bool {
    let line = line.replace("'static", "").replace("'_", "");
    ["<'", "&'", ", '"].iter().any(|begin| line.contains(begin))
}

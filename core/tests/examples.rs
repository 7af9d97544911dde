//! The example, run; and the loops that users copy: a wait without a bound never says that the
//! interface is gone.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

/// `cargo test` builds the example, except with `--test`:
/// `cargo build -p xskit-core --examples` does then.
#[test]
fn core_alone() {
    let this = env::current_exe().expect("a path");
    let target = this.ancestors().nth(2).expect("target/PROFILE");
    let output = Command::new(target.join("examples/core_alone")).output();
    let output = output.expect("it is built");
    let said = String::from_utf8(output.stdout).expect("text");
    let expected =
        [60, 1514].map(|len| format!("1 packet of {len} bytes echoed, {len} bytes came back\n"));
    assert_eq!(said, expected.concat());
    assert!(output.status.success(), "{}", output.status);
}

#[test]
fn every_example_bounds_its_waits() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in ["README.md", "src/lib.rs"] {
        let text = fs::read_to_string(root.join(file)).expect("a file of the repository");
        let waits: Vec<_> = text
            .lines()
            .filter(|line| line.contains("socket.wait("))
            .collect();
        let all_bounded = waits.iter().all(|line| line.contains("Some(Duration"));
        assert!(!waits.is_empty() && all_bounded, "{file}: {waits:?}");
    }
}

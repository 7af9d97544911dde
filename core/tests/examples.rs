//! The loops that users copy: a wait without a bound never says that the interface is gone.

use std::fs;
use std::path::Path;

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

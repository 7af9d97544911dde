//! What the library brings into a program that asks for no feature, by `cargo tree`.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

/// Crates in the program, this one among them.
const MOST: usize = 30;

/// The names of the crates that are there for these kinds of edges of the tree.
fn crates(edges: &str, features: &[&str]) -> BTreeSet<String> {
    let mut tree = Command::new(env::var_os("CARGO").expect("cargo runs this"));
    tree.current_dir(env!("CARGO_MANIFEST_DIR"));
    tree.args(["tree", "--package", "xskit", "--prefix", "none"]);
    tree.args(["--edges", edges]);
    tree.args(features.iter().flat_map(|name| ["--features", name]));
    let output = tree.output().expect("cargo can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let lines = String::from_utf8(output.stdout).expect("text");
    let names = lines.lines().filter_map(|line| line.split(' ').next());
    let names = names.filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

#[test]
fn the_library_alone_is_few_crates_without_a_command_or_quic() {
    let program = crates("normal", &[]);
    assert!(program.contains("xskit-bpf"), "{program:?}");
    assert!(program.len() <= MOST, "{}: {program:?}", program.len());
    for unwanted in ["clap", "io-uring", "netlink-sys", "tokio"] {
        assert!(!program.contains(unwanted), "{unwanted}: {program:?}");
    }
    // To build as well.
    let build = crates("normal,build", &[]);
    let with_quic = crates("normal,build", &["quic"]);
    for unwanted in ["boring-sys", "cmake"] {
        assert!(!build.contains(unwanted), "{unwanted}: {build:?}");
        assert!(with_quic.contains(unwanted), "{unwanted}: {with_quic:?}");
    }
    // A program that has AF_XDP needs no other way to send.
    let with_udp = crates("normal", &["udp"]);
    assert!(!with_quic.contains("quinn-udp") && with_udp.contains("quinn-udp"));
}

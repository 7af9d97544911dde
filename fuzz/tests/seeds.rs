//! No attack succeeds with any of the seeds.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target)
}

/// Attacks with every file of the folder. No two files are alike, and none is large.
fn each_file(target: &str, attack: impl Fn(&[u8])) {
    let mut seen = BTreeMap::new();
    for entry in fs::read_dir(folder(target)).expect("the folder is in the repository") {
        let path = entry.expect("it can be listed").path();
        println!("{}", path.display());
        let input = fs::read(&path).expect("it can be read");
        assert!(input.len() < 2048, "{} is large", path.display());
        attack(&input);
        if let Some(other) = seen.insert(input, path.clone()) {
            panic!("{} and {} are alike", path.display(), other.display());
        }
    }
    assert!(!seen.is_empty(), "no seeds");
}

#[test]
fn ring_ops() {
    each_file("ring_ops", |input| {
        xskit_model::ring_ops(input);
    });
}

#[test]
fn hostile_kernel() {
    each_file("hostile_kernel", |input| {
        xskit_model::hostile_kernel(input);
    });
}

/// The bytes of these files still mean what the names say.
#[test]
fn the_lists_of_operations_do_what_they_are_named_after() {
    let ring_ops = |name: &str| {
        let seed = fs::read(folder("ring_ops").join(name)).expect("it is in the repository");
        xskit_model::ring_ops(&seed)
    };
    let hostile_kernel = |name: &str| {
        let seed = fs::read(folder("hostile_kernel").join(name)).expect("it is in the repository");
        xskit_model::hostile_kernel(&seed)
    };
    let seen = hostile_kernel("returned-again");
    assert_eq!(
        (seen.bad, seen.received),
        (3, 2),
        "a frame comes five times"
    );
    let seen = hostile_kernel("by-the-other-socket");
    assert_eq!(
        (seen.bad, seen.elsewhere, seen.received, seen.completed),
        (2, 2, 1, 1),
        "by the socket that has them"
    );
    let passed = ring_ops("shown-before-taken");
    assert_eq!(passed.received, 4, "two of six are lost with an iterator");
    let passed = ring_ops("kicked-and-slept");
    assert_eq!((passed.sent, passed.received), (4, 2));
    let passed = ring_ops("forwarded");
    assert_eq!((passed.received, passed.sent, passed.completed), (2, 2, 2));
}

#[test]
fn wire_parse() {
    each_file("wire_parse", xskit_fuzz::wire_parse::attack);
}

#[cfg(feature = "bpf")]
#[test]
fn bpf_vs_user() {
    if xskit_fuzz::bpf_vs_user::is_possible() {
        each_file("bpf_vs_user", xskit_fuzz::bpf_vs_user::attack);
    } else {
        println!("skipped: needs {}", xskit_fuzz::bpf_vs_user::NEEDED);
    }
}

#[cfg(feature = "quic")]
#[test]
fn udp_datagram() {
    each_file("udp_datagram", xskit_fuzz::udp_datagram::attack);
}

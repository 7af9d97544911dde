//! The seed corpora: the files are what `seeds` makes, and no attack succeeds with any of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use xskit_fuzz::seeds;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target)
}

#[test]
fn the_files_are_those_that_the_example_writes() {
    for seed in seeds::all() {
        let path = folder(seed.target).join(&seed.name);
        let found = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(found, seed.bytes, "{}", path.display());
        assert!(found.len() < 2048, "{} is large", path.display());
    }
}

#[test]
fn names_differ_and_no_two_seeds_are_the_same() {
    let (mut names, mut contents) = (BTreeSet::new(), BTreeSet::new());
    for seed in seeds::all() {
        assert!(names.insert((seed.target, seed.name.clone())), "{seed:?}");
        assert!(
            contents.insert((seed.target, seed.bytes.clone())),
            "{seed:?}"
        );
    }
}

/// Every file, also those that were added by hand: a regression stays found.
fn each_file(target: &str, attack: fn(&[u8])) {
    let mut count = 0;
    for entry in fs::read_dir(folder(target)).expect("the folder is in the repository") {
        let path = entry.expect("it can be listed").path();
        println!("{}", path.display());
        attack(&fs::read(&path).expect("it can be read"));
        count += 1;
    }
    assert!(count > 0, "no seeds");
}

#[test]
fn ring_ops() {
    each_file("ring_ops", xskit_fuzz::rings::ring_ops);
}

#[test]
fn hostile_kernel() {
    each_file("hostile_kernel", xskit_fuzz::rings::hostile_kernel);
}

/// What is written out as bytes still means what its name says.
#[test]
fn the_lists_of_operations_do_what_they_are_named_after() {
    let seed = |name: &str| {
        let mut seeds = seeds::all().into_iter();
        seeds.find(|seed| seed.name == name).expect("a seed").bytes
    };
    let seen = xskit_model::hostile_kernel(&seed("returned-again"));
    assert_eq!(
        (seen.bad, seen.received),
        (3, 2),
        "a frame comes five times"
    );
    let seen = xskit_model::hostile_kernel(&seed("by-the-other-socket"));
    assert_eq!(
        (seen.bad, seen.elsewhere, seen.received, seen.completed),
        (2, 2, 1, 1),
        "by the socket that has them"
    );
    let passed = xskit_model::ring_ops(&seed("shown-before-taken"));
    assert_eq!(passed.received, 4, "two of six are lost with an iterator");
    let passed = xskit_model::ring_ops(&seed("kicked-and-slept"));
    assert_eq!((passed.sent, passed.received), (4, 2));
    let passed = xskit_model::ring_ops(&seed("forwarded"));
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

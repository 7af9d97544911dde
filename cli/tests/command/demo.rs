//! `xskit demo`: every kind of file and mode, and what it leaves.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use xskit_testbed::cards;

use crate::disk::Disk;
use crate::process::{Outcome, Running, Words, Xskit, assert_members};
use crate::resumption::hash;
use crate::scene::{may_run, megabytes, usual_mode};
use crate::traces::{names_in, processes_with, wait_until};

/// Of every report of a transfer.
const MEMBERS: &str = "seconds sha256 mode backend packets";

/// Where the demo keeps its files.
#[track_caller]
fn scratch() -> Option<TempDir> {
    may_run().then(dir)
}

fn dir() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// The demo, which keeps its files in `scratch`.
fn demo(scratch: &TempDir, words: &(impl Words + ?Sized)) -> Xskit<'static> {
    let words = ["demo".words(), words.words()].concat();
    Xskit::new(&words[..]).env("TMPDIR", scratch.path())
}

/// Runs the demo, and checks what it says of itself and that it leaves nothing.
#[track_caller]
fn report(words: &(impl Words + ?Sized)) -> Value {
    let scratch = dir();
    let report = demo(&scratch, words).run().json();
    assert_members(&report, MEMBERS);
    assert_members(&report["client"], MEMBERS);
    for of in [&report, &report["client"]] {
        // With SQPOLL there may be none.
        assert!(of["syscalls"].is_u64(), "{report:#}");
    }
    assert_members(&report["pings"], "sent answered");
    assert!(
        report["bytes"].is_u64() && report["goodput_mbps"].is_f64(),
        "{report:#}"
    );
    assert_nothing_left(scratch.path());
    report
}

#[track_caller]
fn assert_nothing_left(scratch: &Path) {
    assert_eq!(names_in(scratch), [""; 0]);
    assert_eq!(processes_with("TMPDIR", scratch), [""; 0]);
}

#[test]
fn a_disk_too_small_is_refused_before_anything_is_written() {
    if !may_run() {
        return;
    }
    let disk = Disk::new(3 << 20);
    let why = ["4194304 bytes", "3145728 left", "--size", "TMPDIR"];
    let demo = Xskit::new("demo --size 2M").env("TMPDIR", disk.path());
    demo.refused(&why);
    assert_eq!(names_in(&disk.path()), [""; 0]);
}

#[test]
fn a_transfer_costs_few_system_calls() {
    if !may_run() {
        return;
    }
    let megabytes = megabytes(64);
    let report = report(&format!("--size {megabytes}M --json"));
    assert_eq!(report["bytes"], megabytes << 20);
    assert_members(&report, "goodput_mbps");
    let count = |name: &str| report[name].as_f64().unwrap();
    let (packets, syscalls) = (count("packets"), count("syscalls"));
    let least = (megabytes << 20) as f64 / 1500.0;
    assert!(packets > least, "{report:#}");
    assert!(syscalls / packets <= 0.10, "{report:#}");
}

#[test]
fn every_mode_transfers() {
    if !may_run() {
        return;
    }
    let of = |mode: &str| report(&format!("--size 4M --json --mode {mode}"));
    // Of the drivers with zero-copy mode, some have it beside a program in generic mode, which
    // copies.
    let generic: &[&str] = if cards::are_named() {
        &["generic, copy", "generic, zero-copy"]
    } else {
        &["generic, copy"]
    };
    for (mode, obtained) in [("native", &[usual_mode()][..]), ("generic", generic)] {
        let report = of(mode);
        for end in [&report, &report["server"]] {
            let mode = end["mode"].as_str().unwrap();
            assert!(obtained.contains(&mode), "{report:#}");
        }
    }
}

#[test]
fn every_backend_and_way_to_wait_transfers() {
    if !may_run() {
        return;
    }
    let ways = [
        "rustix block",
        "rustix busy",
        "uring block",
        "uring poll",
        "uring multishot",
        "uring busy",
        "uring napi",
        "uring poll, sqpoll",
        "uring busy, sqpoll",
    ];
    for way in ways {
        let (backend, waits) = way.split_once(' ').unwrap();
        let wait = waits.replace(", ", " --");
        let words = format!("--size 2M --json --backend {backend} --wait {wait}");
        let report = report(&words);
        assert_eq!(report["bytes"], 2 << 20, "{report:#}");
        for end in ["client", "server"] {
            let end = &report[end];
            assert_eq!(end["backend"], backend, "{report:#}");
            assert_eq!(end["wait"], waits, "{report:#}");
            let submissions = end["submissions"].as_object().unwrap();
            let submitted = submissions.values().any(|count| *count != 0);
            assert_eq!(submitted, backend == "uring", "{report:#}");
        }
    }
}

#[test]
fn files_of_any_name_and_of_no_bytes_are_sent() {
    if !may_run() {
        return;
    }
    let empty = report("--size 0 --json");
    assert_eq!(
        (&empty["bytes"], &empty["sha256"]),
        (&0.into(), &hash(b"").into())
    );
    let dir = dir();
    for name in [
        "plain",
        "spaß & 100%?#.txt",
        "..x",
        " ",
        "%2e%2e",
        "-o",
        "a+b=c;d:e@f",
    ] {
        let path = dir.path().join(name);
        fs::write(&path, name).unwrap();
        let report = report(&["--json", "--file", path.to_str().unwrap()]);
        assert_eq!(report["sha256"], hash(name.as_bytes()), "{name:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), name);
    }
}

#[test]
fn it_prints_a_table_for_people() {
    let Some(scratch) = scratch() else { return };
    let outcome = demo(&scratch, "--size 1M").run();
    assert!(outcome.status.success(), "{outcome:#?}");
    for word in [
        "SHA-256",
        "mode",
        "goodput",
        "packets",
        "system calls",
        "dropped",
        "pings",
    ] {
        assert!(outcome.stdout.contains(word), "{word} in {outcome:#?}");
    }
}

#[test]
fn files_that_cannot_be_sent_are_refused() {
    let Some(scratch) = scratch() else { return };
    let run = |words: &str| demo(&scratch, words).run();
    run("--file /nonesuch").refused(&["--file /nonesuch", "No such file"]);
    run("--file /dev").refused(&["--file /dev", "not a regular file"]);
    run("--file /dev/null").refused(&["--file /dev/null", "not a regular file"]);
    run("--size 12x").refused(&["--size", "12x", "K, M or G"]);
    run("--size 99999999999G").refused(&["--size", "too large"]);
    run("--size 1M --file x").refused(&["--size", "--file"]);
    run("--size 1M --frame-size 3000").refused_by_server(&["--frame-size"]);
    if !cards::are_named() {
        run("--size 1M --zero-copy force").refused_by_server(&["no zero-copy"]);
    }
    assert_nothing_left(scratch.path());
}

impl Outcome {
    /// As [`Outcome::refused`], but the server said why, and the demo only that it ended.
    #[track_caller]
    fn refused_by_server(&self, words: &[&str]) {
        assert_eq!(self.status.code(), Some(1), "{self:#?}");
        for word in words
            .iter()
            .chain(&["the server ended before it was ready"])
        {
            assert!(self.stderr.contains(word), "no {word:?} in {self:#?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
    }
}

/// A demo in the middle of a long transfer.
fn in_the_middle(scratch: &TempDir) -> Running {
    let running = demo(scratch, "--size 64M --json").start();
    wait_until("the transfer", || {
        let dirs = names_in(scratch.path());
        let partial = |dir: &String| scratch.path().join(dir).join("received.part");
        let lens = dirs.iter().map(|dir| fs::metadata(partial(dir)));
        lens.flatten().any(|partial| partial.len() > 1_000_000)
    });
    assert_eq!(processes_with("TMPDIR", scratch.path()).len(), 3);
    running
}

#[test]
fn an_interrupted_demo_leaves_nothing() {
    let Some(scratch) = scratch() else { return };
    let outcome = in_the_middle(&scratch).interrupt();
    outcome.refused(&["interrupted"]);
    assert_eq!(outcome.stdout, "");
    assert_nothing_left(scratch.path());
}

#[test]
fn a_demo_interrupted_before_the_transfer_leaves_nothing() {
    if !may_run() {
        return;
    }
    // It says that it has room for two such files; far from all of that will be used.
    let disk = Disk::new(200 << 30);
    let demo = Xskit::new("demo --size 100G").env("TMPDIR", disk.path());
    let running = demo.start();
    wait_until("the file", || !names_in(&disk.path()).is_empty());
    running.interrupt().refused(&["interrupted"]);
    assert_nothing_left(&disk.path());
}

#[test]
fn a_killed_demo_takes_its_processes_along() {
    let Some(scratch) = scratch() else { return };
    let running = in_the_middle(&scratch);
    running.signal(Signal::KILL);
    let status = running.finish().status;
    assert!(!status.success(), "{status}");
    // The hosts, their interfaces and all that sat on them go with the processes.
    wait_until("the end of all", || {
        processes_with("TMPDIR", scratch.path()).is_empty()
    });
}

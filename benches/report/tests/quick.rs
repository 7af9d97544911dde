//! A quick round from end to end: every job is done by `xskit`, and the report is written.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use xskit_benches::veth;

/// The `xskit` command beside the programs of this build, if it was built, as it is for the tests
/// of the workspace.
fn xskit() -> Option<PathBuf> {
    let own = PathBuf::from(env!("CARGO_BIN_EXE_head_to_head"));
    let path = own.with_file_name("xskit");
    path.is_file().then_some(path)
}

#[test]
fn a_quick_round_measures_every_job_and_writes_the_report() {
    let test = "a_quick_round_measures_every_job_and_writes_the_report";
    if !veth::is_privileged(test) {
        return;
    }
    let Some(xskit) = xskit() else {
        eprintln!("skipped: needs the xskit command, which `cargo build` makes (test {test})");
        return;
    };
    let out = tempfile::tempdir().expect("a folder");
    let answers = concat!(env!("CARGO_MANIFEST_DIR"), "/../ANSWERS.md");
    let mut command = Command::new(env!("CARGO_BIN_EXE_head_to_head"));
    command.args(["--quick", "--no-rivals", "--answers", answers, "--xskit"]);
    let run = command.arg(xskit).arg("--out").arg(out.path()).output();
    let run = run.expect("it can be run");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");

    let read = |name: &str| fs::read_to_string(out.path().join(name)).expect("a file");
    let results: Value = serde_json::from_str(&read("results.json")).expect("JSON");
    let groups = results["groups"].as_array().expect("groups");
    for id in [
        "tx-64",
        "rx-64",
        "fwd-64",
        "batch-fwd-1",
        "wait-1000",
        "ping",
        "sockets-memory",
        "sockets-rustix",
    ] {
        let group = groups.iter().find(|group| group["id"] == id);
        let ways = &group.unwrap_or_else(|| panic!("no {id}: {said}"))["series"];
        // On a busy machine a contestant may not get to run in so short a time.
        let mut ways = ways.as_array().expect("ways").iter();
        let measured = ways.any(|way| way["samples"][0].is_object());
        assert!(measured, "{id}: {group:#?} {said}");
    }
    let (page, summary) = (read("index.html"), read("summary.md"));
    assert!(
        page.contains("<svg") && page.contains("A quick round"),
        "{page}"
    );
    for part in ["### rx", "| rustix block |", "# The open questions"] {
        assert!(summary.contains(part), "{part} in {summary}");
    }
    // Without perf there is none, and a note says so.
    if let Some(profiled) = groups.iter().find(|group| group["id"] == "profile-tx-64") {
        let figures = &profiled["series"][0]["samples"][0]["values"];
        let kernels = figures["kernel_share"].as_f64();
        assert!(kernels.is_some_and(|share| share > 0.1), "{profiled:#?}");
        assert!(
            summary.contains("| tx-64 | rustix block, first core |"),
            "{summary}"
        );
    } else {
        assert!(
            summary.contains("not everything was profiled: "),
            "{summary}"
        );
    }
}

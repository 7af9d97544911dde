//! The compiled program that ships is what its source compiles to.

use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest, Sha256};
use xskit_bpf::XdpProgram;

use crate::privilege;

/// How to compile it anew, and write it and the record.
const COMMAND: &str =
    "XSKIT_PROGRAM=overwrite cargo test -p xskit-bpf --features build-program shipped";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// What was compiled to what, as `sha256sum` prints it, and by which clang.
fn record(object: &[u8], clang: &str) -> String {
    let source = fs::read(folder().join("xskit.bpf.c")).unwrap();
    format!(
        "{}  xskit.bpf.c\n{}  xskit.bpf.o\n{clang}\n",
        sha256(&source),
        sha256(object)
    )
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Finds a source that was changed and not compiled, without clang.
#[test]
fn the_shipped_program_is_of_this_source() {
    if is_overwriting() {
        return;
    }
    let recorded = fs::read_to_string(folder().join("xskit.bpf.o.sha256")).unwrap();
    let clang = recorded.lines().nth(2).unwrap();
    let shipped = fs::read(folder().join("xskit.bpf.o")).unwrap();
    let expected = record(&shipped, clang);
    assert!(
        recorded == expected,
        "xskit.bpf.o is of another xskit.bpf.c, or not what was recorded: {COMMAND}\nnow:\n{expected}\nrecorded:\n{recorded}"
    );
}

/// The verifier follows each path through the program at each load, which every start of a command
/// pays for. It is 4,300 instructions, and once was 101,000. Linux 5.16 reports the number.
#[test]
fn the_verifier_goes_through_five_thousand_instructions_at_most() {
    if !privilege::held() {
        return;
    }
    let program = XdpProgram::load(1).unwrap();
    let descriptor = program.as_fd().as_raw_fd();
    let said = fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}")).unwrap();
    let verified = said
        .lines()
        .find_map(|line| line.strip_prefix("verified_insns:"));
    let verified: u32 = verified.expect("Linux 5.16").trim().parse().unwrap();
    assert!((1000..5000).contains(&verified), "{said}");
}

fn is_overwriting() -> bool {
    env::var_os("XSKIT_PROGRAM").is_some_and(|value| value == "overwrite")
}

/// Byte for byte, by the clang that made it. Another clang may choose other instructions; the other
/// tests then check that its program behaves the same.
#[cfg(feature = "build-program")]
#[test]
fn the_shipped_program_is_what_clang_makes_of_the_source() {
    let built = include_bytes!(concat!(env!("OUT_DIR"), "/xskit.bpf.o"));
    let clang = env!("XSKIT_CLANG");
    let (object, note) = (
        folder().join("xskit.bpf.o"),
        folder().join("xskit.bpf.o.sha256"),
    );
    if is_overwriting() {
        fs::write(&object, built).unwrap();
        fs::write(&note, record(built, clang)).unwrap();
        return;
    }
    let recorded = fs::read_to_string(note).unwrap();
    let by = recorded.lines().nth(2).unwrap();
    if by != clang {
        eprintln!("skipped: needs {by}, which compiled what ships; this is {clang}");
        return;
    }
    assert!(
        fs::read(object).unwrap() == built,
        "xskit.bpf.o is not what {clang} makes of xskit.bpf.c: {COMMAND}"
    );
}

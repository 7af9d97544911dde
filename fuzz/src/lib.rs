//! Fuzz targets of xskit, one attack surface each.
//!
//! An attack is a function that takes the bytes an attacker would send, and panics if a rule is
//! broken. The programs in `fuzz_targets/` hand it to libFuzzer when `cargo xtask fuzz` builds
//! them, and otherwise run it over the files on their command line. The tests run it over the
//! seeds.
//!
//! | target | the bytes | the rule |
//! | --- | --- | --- |
//! | `ring_ops` | steps of a program and of the kernel, on one socket or on two over one UMEM | the oracle agrees; one owner per frame, a cause for each call |
//! | `hostile_kernel` | the same, and arbitrary words and descriptors in the shared memory | nothing out of bounds, no panic, one owner per frame; no frame comes back that the kernel did not have by this socket |
//! | `wire_parse` | a frame, to the header parser | the payload is inside the packet; the headers are the same when written again |
//! | `bpf_vs_user` (feature `bpf`) | a frame, to the XDP program and to the parser | both take it, or neither does |
//! | `udp_datagram` (feature `quic`) | datagrams of strangers, of someone on the path and of peers, to a server or a client | every datagram is counted, every bound is kept, only the file is served |
//!
//! # Seeds
//!
//! `seeds/TARGET/` holds the first inputs of a target, one per file, named by what it shows. To add
//! one, take an input that the fuzzer kept in `corpus/TARGET/`, or a finding minimised by `cargo
//! xtask fuzz --minimise`, and copy it there under such a name. The tests run every file, and
//! refuse two that are alike and any of 2 KiB or more.

use std::process::ExitCode;
use std::{env, fs};

#[cfg(feature = "bpf")]
pub mod bpf_vs_user;
pub mod frame;
#[cfg(feature = "quic")]
pub mod udp_datagram;
pub mod wire_parse;

/// The body of a program in `fuzz_targets/`: an attack, and what to run before the first one.
#[macro_export]
macro_rules! target {
    ($attack:path) => {
        $crate::target!($attack, before: ());
    };
    ($attack:path, before: $before:expr) => {
        fn attack(input: &[u8]) {
            $attack(input);
        }

        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(init: $before, |input: &[u8]| attack(input));

        #[cfg(not(fuzzing))]
        fn main() -> std::process::ExitCode {
            $before;
            $crate::replay(attack)
        }
    };
}

/// Attacks with each file on the command line. If one panics, the last path printed names its file.
pub fn replay(attack: fn(&[u8])) -> ExitCode {
    let paths: Vec<_> = env::args_os().skip(1).collect();
    if paths.is_empty() {
        eprintln!("usage: give files to replay; to fuzz, `cargo xtask fuzz`");
        return ExitCode::FAILURE;
    }
    for path in paths {
        println!("{}", path.display());
        match fs::read(&path) {
            Ok(input) => attack(&input),
            Err(error) => {
                eprintln!("can't read {}: {error}", path.display());
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

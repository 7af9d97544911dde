//! Inputs from files, one after the other: what a target does when no fuzzer is linked to it.

use std::process::ExitCode;
use std::{env, fs};

/// Attacks with each file on the command line. A panic names the file by being the last that was announced.
pub fn files(attack: fn(&[u8])) -> ExitCode {
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

//! Compiles the XDP program with clang and generates the skeleton through which the loader embeds it.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::{env, fmt};

use libbpf_cargo::SkeletonBuilder;

const SOURCE: &str = "src/xskit.bpf.c";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-env-changed=CLANG");
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("cargo::error={failure}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Failure> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(Failure::NoOutDir)?);
    let clang = env::var_os("CLANG").unwrap_or_else(|| "clang".into());
    let includes = system_includes(&clang)?;
    SkeletonBuilder::new()
        .source(SOURCE)
        .clang(&clang)
        .clang_args(clang_args(includes))
        .build_and_generate(out.join("xskit.skel.rs"))
        .map_err(|error| Failure::Compile(format!("{error:#}")))
}

/// `-idirafter`, because the headers of libbpf must win over those of the system.
fn clang_args(includes: Vec<OsString>) -> impl Iterator<Item = OsString> {
    includes
        .into_iter()
        .flat_map(|dir| [OsString::from("-idirafter"), dir])
}

/// The directories where clang looks for system headers when it compiles for this host.
///
/// With `-target bpf` it leaves out the one of the architecture (`/usr/include/x86_64-linux-gnu` on Debian), where
/// `asm/types.h` lives; so it is asked, which holds on every distribution.
fn system_includes(clang: &OsStr) -> Result<Vec<OsString>, Failure> {
    let output = Command::new(clang)
        .args(["-v", "-E", "-x", "c", "/dev/null", "-o", "/dev/null"])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::NoClang(clang.into(), error))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let listed = text
        .lines()
        .skip_while(|line| !line.starts_with("#include <...>"))
        .skip(1)
        .take_while(|line| line.starts_with(' '));
    Ok(listed.map(|line| line.trim().into()).collect())
}

enum Failure {
    NoOutDir,
    NoClang(OsString, std::io::Error),
    Compile(String),
}

impl fmt::Display for Failure {
    /// One line a failure: cargo shows no more of an error than its first line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOutDir => {
                f.write_str("OUT_DIR is not set: run this build script through cargo")
            }
            Self::NoClang(clang, error) => write!(
                f,
                "can't run `{}` ({error}): the XDP program is compiled by clang. Install it (Debian, Ubuntu: \
                 `apt install clang libelf-dev zlib1g-dev make pkg-config`), or set CLANG to its path",
                clang.display()
            ),
            Self::Compile(error) => write!(
                f,
                "clang can't compile {SOURCE}. If a header is missing: Debian, Ubuntu: `apt install linux-libc-dev`. {}",
                error.replace('\n', " | ")
            ),
        }
    }
}

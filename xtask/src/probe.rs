//! Whether something is installed, seen by the thing itself and not by a package database: that
//! holds on any distribution, and for what was built by hand.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// How a requirement shows itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Probe {
    /// An executable of this name on PATH, or of an administrator's.
    Command(String),
    /// A header that the C compiler finds.
    Header(String),
    /// A clang that emits BPF.
    ClangForBpf,
    /// The shared library of clang, where bindgen looks for it.
    Libclang,
    /// A Python that can make environments with pip in them; Debian ships it without.
    Venv,
}

impl Probe {
    /// True if the thing is there.
    pub(crate) fn is_met(&self) -> bool {
        match self {
            Self::Command(name) => on_path(name).is_some(),
            Self::Header(name) => compiles("cc", &["-E"], &format!("#include <{name}>\n")),
            Self::ClangForBpf => compiles("clang", &["-target", "bpf", "-S"], "int f(void);\n"),
            Self::Libclang => clang_sys::load().is_ok(),
            Self::Venv => {
                let mut python = Command::new("python3");
                python.args(["-c", "import venv, ensurepip"]);
                python.output().is_ok_and(|output| output.status.success())
            }
        }
    }
}

/// The full path of an executable, if PATH has it, or the folder of an administrator's programs,
/// which not every user's PATH has.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let administrators = || which::which(Path::new("/usr/sbin").join(name));
    which::which(name).or_else(|_| administrators()).ok()
}

/// Whether a C compiler accepts `source`. The output is thrown away.
fn compiles(compiler: &str, options: &[&str], source: &str) -> bool {
    let child = Command::new(compiler)
        .args(options)
        .args(["-x", "c", "-", "-o", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return false };
    // A compiler that ends before it has read its input says so by its status.
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(source.as_bytes());
    }
    child.wait().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::Probe;

    #[test]
    fn a_header_is_found_by_the_compiler() {
        assert!(Probe::Header("stdio.h".to_owned()).is_met());
        assert!(!Probe::Header("no/such/header.h".to_owned()).is_met());
    }
}

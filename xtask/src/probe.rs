//! Seeing whether something is installed, by the thing itself and never by a package database: so it holds on any
//! distribution, and for what was built by hand.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How a requirement shows itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Probe {
    /// An executable of this name on PATH.
    Command(&'static str),
    /// A header that the C compiler finds.
    Header(&'static str),
    /// A clang that can emit code for the kernel's BPF machine.
    ClangForBpf,
    /// The shared library of clang, where bindgen looks for it.
    Libclang,
}

impl Probe {
    /// True if the thing is there.
    pub(crate) fn is_met(self) -> bool {
        match self {
            Self::Command(name) => on_path(name).is_some(),
            Self::Header(name) => header_compiles(name),
            Self::ClangForBpf => compiles(
                "clang",
                &["-target", "bpf", "-S"],
                "int f(void) { return 0; }\n",
            ),
            Self::Libclang => has_libclang(),
        }
    }
}

/// The full path of an executable, if PATH has it.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let is_executable = |path: &PathBuf| {
        fs::metadata(path)
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(is_executable)
}

fn header_compiles(name: &str) -> bool {
    compiles("cc", &["-E"], &format!("#include <{name}>\n"))
}

/// Runs a C compiler over `source` and tells whether it was content. The output is thrown away.
fn compiles(compiler: &str, options: &[&str], source: &str) -> bool {
    let child = Command::new(compiler)
        .args(options)
        .args(["-x", "c", "-", "-o", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return false };
    // A compiler that is gone before it has read its input says so by its status.
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(source.as_bytes());
    }
    child.wait().is_ok_and(|status| status.success())
}

/// bindgen loads libclang at run time: from LIBCLANG_PATH, llvm-config's folder, or the usual ones.
fn has_libclang() -> bool {
    if let Some(given) = env::var_os("LIBCLANG_PATH") {
        let given = PathBuf::from(given);
        return given.is_file() || holds_libclang(&given);
    }
    let told = Command::new("llvm-config")
        .arg("--libdir")
        .stderr(Stdio::null())
        .output();
    let told = told
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    let told = told.map(|line| PathBuf::from(line.trim()));
    told.into_iter()
        .chain(library_folders())
        .any(|folder| holds_libclang(&folder))
}

/// Folders with libraries: those of the system, one per LLVM version, and one per architecture on Debian.
fn library_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for base in [
        "/usr/lib64",
        "/usr/lib",
        "/usr/local/lib64",
        "/usr/local/lib",
    ] {
        folders.push(PathBuf::from(base));
        let entries = fs::read_dir(base).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            let name = path
                .file_name()
                .map(OsStr::to_string_lossy)
                .unwrap_or_default();
            if name.starts_with("llvm") {
                folders.extend([path.join("lib64"), path.join("lib")]);
            } else if name.contains("-linux-") {
                folders.push(path);
            }
        }
    }
    folders
}

fn holds_libclang(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name())
        .any(|name| is_libclang(&name.to_string_lossy()))
}

/// `libclang.so`, `libclang.so.14`, `libclang-14.so`, `libclang-14.so.1`; not `libclang-cpp.so.14`, the C++ interface.
fn is_libclang(name: &str) -> bool {
    let parts = name
        .strip_prefix("libclang")
        .and_then(|rest| rest.split_once(".so"));
    let Some((version, after)) = parts else {
        return false;
    };
    let is_number = |text: &str| text.chars().all(|c| c == '.' || c.is_ascii_digit());
    version
        .strip_prefix('-')
        .map_or(version.is_empty(), is_number)
        && (after.is_empty() || after.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::{Probe, is_libclang, on_path};

    #[test]
    fn libclang_is_told_from_its_neighbours() {
        for name in [
            "libclang.so",
            "libclang.so.14",
            "libclang-14.so",
            "libclang-14.so.14.0.6",
        ] {
            assert!(is_libclang(name), "{name}");
        }
        for name in [
            "libclang-cpp.so.14",
            "libclang.a",
            "libclangAST.a",
            "libclang",
            "libclangso",
            "libelf.so",
        ] {
            assert!(!is_libclang(name), "{name}");
        }
    }

    #[test]
    fn a_command_is_found_by_its_executable() {
        assert!(on_path("sh").is_some_and(|path| path.is_absolute()));
        assert!(!Probe::Command("no-such-command-anywhere").is_met());
    }

    #[test]
    fn a_header_is_found_by_the_compiler() {
        assert!(Probe::Header("stdio.h").is_met());
        assert!(!Probe::Header("no/such/header.h").is_met());
    }
}

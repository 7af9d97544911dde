//! With the feature `build-program`: compiles the XDP program by clang, instead of the object that
//! ships.

fn main() -> std::process::ExitCode {
    #[cfg(feature = "build-program")]
    return clang::main();
    #[cfg(not(feature = "build-program"))]
    {
        println!("cargo::rerun-if-changed=build.rs");
        std::process::ExitCode::SUCCESS
    }
}

#[cfg(feature = "build-program")]
mod clang {
    use std::ffi::{OsStr, OsString};
    use std::path::{Path, PathBuf};
    use std::process::{Command, ExitCode, Output, Stdio};
    use std::{env, fmt, fs, io};

    use libbpf_rs::{Linker, libbpf_sys::API_HEADERS};

    const SOURCE: &str = "src/xskit.bpf.c";

    pub(crate) fn main() -> ExitCode {
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
        let compiled = out.join("compiled.o");
        compile(&clang, &write_headers(&out)?, &compiled)?;
        link(&compiled, &out.join("xskit.bpf.o")).map_err(Failure::Link)?;
        let version = run(&clang, Command::new(&clang).arg("--version"))?;
        let version = String::from_utf8_lossy(&version.stdout);
        let first = version.lines().next().unwrap_or_default();
        // For the test that compares the result with what ships.
        println!("cargo::rustc-env=XSKIT_CLANG={first}");
        Ok(())
    }

    /// The headers of libbpf come with its crate, so that no libbpf of the distribution is needed.
    fn write_headers(out: &Path) -> Result<PathBuf, Failure> {
        let include = out.join("include");
        let folder = include.join("bpf");
        fs::create_dir_all(&folder).map_err(Failure::Write)?;
        for (name, text) in API_HEADERS {
            fs::write(folder.join(name), text).map_err(Failure::Write)?;
        }
        Ok(include)
    }

    fn compile(clang: &OsStr, include: &Path, object: &Path) -> Result<(), Failure> {
        let mut command = Command::new(clang);
        command.args(["-target", "bpf", "-O2", "-fno-stack-protector"]);
        // 32-bit arithmetic and jumps (Linux 5.1), which every kernel that can attach by link has.
        command.arg("-mcpu=v3");
        // Type information (BTF) comes with `-g` only. It would otherwise name the source folder.
        command.args(["-g", "-fdebug-compilation-dir=."]);
        command.arg("-I").arg(include);
        // After all others: the headers of libbpf go before those of the system.
        for folder in system_includes(clang)? {
            command.arg("-idirafter").arg(folder);
        }
        command.args(["-c", SOURCE, "-o"]).arg(object);
        let output = run(clang, &mut command)?;
        if output.status.success() {
            Ok(())
        } else {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(Failure::Compile(text))
        }
    }

    /// The directories where clang looks for system headers when it compiles for this host.
    ///
    /// With `-target bpf` it leaves out the architecture's (`/usr/include/x86_64-linux-gnu` on
    /// Debian), which has `asm/types.h`. Asking clang works on every distribution.
    fn system_includes(clang: &OsStr) -> Result<Vec<OsString>, Failure> {
        let mut command = Command::new(clang);
        command.args(["-v", "-E", "-x", "c", "/dev/null", "-o", "/dev/null"]);
        let output = run(clang, command.env("LC_ALL", "C"))?;
        let text = String::from_utf8_lossy(&output.stderr);
        let listed = text
            .lines()
            .skip_while(|line| !line.starts_with("#include <...>"))
            .skip(1)
            .take_while(|line| line.starts_with(' '));
        Ok(listed.map(|line| line.trim().into()).collect())
    }

    fn run(clang: &OsStr, command: &mut Command) -> Result<Output, Failure> {
        let output = command.stdin(Stdio::null()).output();
        output.map_err(|error| Failure::NoClang(clang.into(), error))
    }

    /// Linking a single object strips DWARF, which is most of it and is not used.
    fn link(compiled: &Path, object: &Path) -> libbpf_rs::Result<()> {
        let mut linker = Linker::new(object)?;
        linker.add_file(compiled)?;
        linker.link()
    }

    enum Failure {
        NoOutDir,
        Write(io::Error),
        NoClang(OsString, io::Error),
        Compile(String),
        Link(libbpf_rs::Error),
    }

    impl fmt::Display for Failure {
        /// One line a failure: cargo shows no more of an error than its first line.
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::NoOutDir => {
                    f.write_str("OUT_DIR is not set: run this build script through cargo")
                }
                Self::Write(error) => write!(f, "can't write the headers of libbpf: {error}"),
                Self::NoClang(clang, error) => write!(
                    f,
                    "can't run `{}` ({error}): the feature build-program compiles the XDP program by clang. Install it \
                     (Debian, Ubuntu: `apt install clang`), set CLANG to its path, or do without the feature",
                    clang.display()
                ),
                Self::Compile(error) => write!(
                    f,
                    "clang can't compile {SOURCE}. If a header is missing: Debian, Ubuntu: `apt install linux-libc-dev`. {}",
                    error.replace('\n', " | ")
                ),
                Self::Link(error) => write!(f, "libbpf can't link the compiled program: {error:#}"),
            }
        }
    }
}

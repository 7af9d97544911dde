//! A server under test: xskit or nginx in the second host, and what it costs, read from outside.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use xskit_testbed::{Host, HostPair, HostPairConfig};

use crate::core::{Cores, Place};
use crate::program::Program;
use crate::rival::nginx::{self, Directives, certify};

/// The port of all of them, over TCP and UDP.
pub const PORT: u16 = 4433;
/// What is asked for again and again, and what is downloaded.
pub const SMALL: (&str, u64) = ("small", 1 << 10);
/// A download.
pub const LARGE: (&str, u64) = ("large", 100_000_000);

const PATIENCE: Duration = Duration::from_secs(10);

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `xskit serve` with this runtime for TCP, UDP by the kernel: the wire is as nginx has it.
    Kernel(&'static str),
    /// The same with UDP over AF_XDP, as it is by default; without TCP if there is no runtime.
    Xdp(Option<&'static str>),
    /// nginx.
    Nginx,
}

impl Way {
    /// As tables have it.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Kernel(runtime) => format!("xskit, {}", runtime_name(runtime)),
            Self::Xdp(Some(runtime)) => {
                format!("xskit, {}, beside AF_XDP", runtime_name(runtime))
            }
            Self::Xdp(None) => "xskit, AF_XDP alone".to_owned(),
            Self::Nginx => "nginx".to_owned(),
        }
    }
}

/// The runtime's name, and not the option's.
fn runtime_name(runtime: &str) -> &str {
    match runtime {
        "uring" => "io_uring",
        other => other,
    }
}

/// Two hosts, the files that are served, and the programs.
pub struct Bed {
    /// The hosts; the server is in the second.
    pub pair: HostPair,
    /// The processors; the server's is the second.
    pub cores: Cores,
    /// What is served, a certificate and logs.
    pub folder: TempDir,
    /// The `xskit` command.
    pub xskit: PathBuf,
    /// The client of HTTP/3.
    pub paced: PathBuf,
}

impl Bed {
    /// Makes the hosts and writes the files.
    ///
    /// # Errors
    /// Where the privilege or openssl is missing.
    pub fn new(xskit: PathBuf, paced: PathBuf) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        // Servers may give up their privileges before they read.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(folder.path(), mode)?;
        let root = folder.path().join("root");
        fs::create_dir(&root)?;
        for (name, len) in [SMALL, LARGE] {
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            fs::write(root.join(name), bytes)?;
        }
        certify(
            &folder.path().join("cert.pem"),
            &folder.path().join("key.pem"),
        )?;
        Ok(Self {
            pair: HostPair::new(HostPairConfig::default())?,
            cores: Cores::of_this_thread()?,
            folder,
            xskit,
            paced,
        })
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (self.pair.second.ipv4, PORT).into()
    }

    /// Starts a server on the second core, and returns once it takes connections.
    ///
    /// # Errors
    /// What it complains of.
    pub fn serve(&self, way: Way) -> anyhow::Result<Program> {
        let words = match way {
            Way::Nginx => nginx(self.folder.path())?,
            Way::Kernel(runtime) => self.xskit_words(Some(runtime), "--transport=udp"),
            Way::Xdp(runtime) => {
                let interface = format!("--iface={}", self.pair.second.link.name);
                self.xskit_words(runtime, &interface)
            }
        };
        let host = &self.pair.second;
        let mut server = Program::start(&words, host, &self.cores, Place::Second)?;
        let (deadline, address) = (Instant::now() + PATIENCE, self.address());
        let answers = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok();
        while !self.pair.first.run(answers)? {
            ensure!(
                server.is_running()?,
                "{}: {}",
                way.name(),
                server.complaint()
            );
            ensure!(
                Instant::now() < deadline,
                "{} takes no connection",
                way.name()
            );
            thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    fn xskit_words(&self, runtime: Option<&str>, wire: &str) -> Vec<String> {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        vec![
            self.xskit.display().to_string(),
            "serve".to_owned(),
            "--json".to_owned(),
            format!("--listen={}", self.address()),
            format!("--root={}", at("root")),
            format!("--cert={}", at("cert.pem")),
            format!("--key={}", at("key.pem")),
            match runtime {
                None => "--no-tcp".to_owned(),
                Some(runtime) => format!("--tcp={runtime}"),
            },
            // The idle ones are of one host.
            "--max-connections-per-host=4096".to_owned(),
            "--max-connections-per-network=4096".to_owned(),
            wire.to_owned(),
        ]
    }

    /// Starts a program of the first host, on the first core.
    ///
    /// # Errors
    /// Where it can't be started.
    pub fn client(&self, words: &[String]) -> anyhow::Result<Program> {
        let host: &Host = &self.pair.first;
        Program::start(words, host, &self.cores, Place::First)
    }
}

/// Over HTTP/1.1 and 2, as it is installed but for the number of connections and requests.
fn nginx(folder: &Path) -> anyhow::Result<Vec<String>> {
    let directives = Directives {
        events: "worker_connections 4096;",
        http: "sendfile on; tcp_nopush on; keepalive_timeout 300s; keepalive_requests 1000000000;",
        server: &format!("listen {PORT} ssl http2;"),
    };
    nginx::command(folder, &directives)
}

/// The memory that is a process's own and its part of what is shared (PSS), in bytes.
///
/// # Errors
/// Where `/proc` doesn't say.
pub fn memory(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    Ok(kib.with_context(|| format!("no Pss in {path}"))? * 1024.0)
}

/// perf(1), which counts the system calls of all threads of a process. They cost a little more while it does. It ends when
/// that process does, at the latest.
pub struct Calls {
    perf: Child,
    file: PathBuf,
}

impl Calls {
    /// Counts from now on.
    ///
    /// # Errors
    /// Where perf can't be started.
    pub fn of(pid: u32, folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join("calls");
        let mut perf = Command::new("perf");
        perf.args(["stat", "-x,", "-e", "raw_syscalls:sys_enter", "-o"]);
        perf.arg(&file).args(["-p", &pid.to_string()]);
        perf.stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let perf = perf
            .spawn()
            .context("perf, which counts system calls (Debian: linux-perf), can't be run")?;
        thread::sleep(Duration::from_millis(150));
        Ok(Self { perf, file })
    }

    /// Those until now.
    ///
    /// # Errors
    /// Where perf has counted nothing.
    pub fn count(mut self) -> anyhow::Result<f64> {
        // That it is gone already is found out when it has written nothing.
        let _ = kill_process(Pid::from_child(&self.perf), Signal::INT);
        self.perf.wait().context("perf")?;
        let text = fs::read_to_string(&self.file).context("what perf counted")?;
        let line = text.lines().find(|line| line.contains("raw_syscalls"));
        let count = line.and_then(|line| line.split(',').next()?.parse().ok());
        count.with_context(|| format!("perf counts no system calls: {text}"))
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        // Both fail only when it has ended, which is what is wanted.
        let _ = self.perf.kill();
        let _ = self.perf.wait();
    }
}

//! A server under test: xskit or nginx in the second host, and its cost, measured from outside.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;
use xskit_testbed::{HostPair, HostPairConfig};

use crate::core::{Cores, Place};
use crate::nginx::{self, Directives, certify};
use crate::program::Program;
use crate::rival::words;

/// The port of all of them, over TCP and UDP.
pub(crate) const PORT: u16 = 4433;
/// The file of requests, and the file of downloads.
pub(crate) const SMALL: (&str, u64) = ("small", 1 << 10);
pub(crate) const LARGE: (&str, u64) = ("large", 100_000_000);

/// nginx's name in tables.
pub(crate) const NGINX: &str = "nginx";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `xskit serve` with this runtime for TCP, and UDP through the kernel, like nginx.
    Kernel(&'static str),
    /// The same with UDP over AF_XDP, the default; without a runtime, without TCP.
    Xdp(Option<&'static str>),
    Nginx,
}

impl Way {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Kernel(runtime) => format!("xskit, {}", runtime_name(runtime)),
            Self::Xdp(Some(runtime)) => {
                format!("xskit, {}, beside AF_XDP", runtime_name(runtime))
            }
            Self::Xdp(None) => "xskit, AF_XDP alone".to_owned(),
            Self::Nginx => NGINX.to_owned(),
        }
    }
}

/// The runtime's name, where the option's is another.
fn runtime_name(runtime: &str) -> &str {
    match runtime {
        "uring" => "io_uring",
        other => other,
    }
}

/// Two hosts, the served files, and the programs.
pub(crate) struct Bed {
    pub(crate) pair: HostPair,
    /// The processors; the server's is the second.
    pub(crate) cores: Cores,
    /// The served files, a certificate and logs.
    pub(crate) folder: TempDir,
    pub(crate) xskit: PathBuf,
    pub(crate) paced: PathBuf,
}

impl Bed {
    /// Makes the hosts and writes the files.
    pub(crate) fn new(xskit: PathBuf, paced: PathBuf) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        // Servers may drop their privileges before they read.
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

    /// The server's address.
    pub(crate) fn address(&self) -> SocketAddr {
        (self.pair.second.ipv4, PORT).into()
    }

    /// Starts a server on the second core, and returns once it takes connections.
    pub(crate) fn serve(&self, way: Way) -> anyhow::Result<Program> {
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
        let address = self.address();
        let answers = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok();
        let is_there = || Ok(self.pair.first.run(answers)?);
        let started = server.wait_until("takes no connection", is_there);
        started.with_context(|| way.name())?;
        Ok(server)
    }

    fn xskit_words(&self, runtime: Option<&str>, wire: &str) -> Vec<String> {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        let tcp = runtime.map_or_else(|| "--no-tcp".to_owned(), |it| format!("--tcp={it}"));
        // All idle connections come from one host.
        let options =
            "serve --json --max-connections-per-host=4096 --max-connections-per-network=4096";
        let mut all = vec![self.xskit.display().to_string()];
        all.extend(words(&format!(
            "{options} --listen={} {tcp} {wire}",
            self.address()
        )));
        all.push(format!("--root={}", at("root")));
        all.push(format!("--cert={}", at("cert.pem")));
        all.push(format!("--key={}", at("key.pem")));
        all
    }

    /// Starts a program of the first host, on the first core.
    pub(crate) fn client(&self, words: &[String]) -> anyhow::Result<Program> {
        Program::start(words, &self.pair.first, &self.cores, Place::First)
    }
}

/// Over HTTP/1.1 and 2, with the installed defaults except for the number of connections and
/// requests.
fn nginx(folder: &Path) -> anyhow::Result<Vec<String>> {
    let directives = Directives {
        events: "worker_connections 4096;",
        http: "sendfile on; tcp_nopush on; keepalive_timeout 300s; keepalive_requests 1000000000;",
        server: &format!("listen {PORT} ssl http2;"),
    };
    nginx::command(folder, &directives)
}

/// A process's own memory and its part of shared memory (PSS), in bytes.
pub(crate) fn memory(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    Ok(kib.with_context(|| format!("no Pss in {path}"))? * 1024.0)
}

//! `xskit serve` as a child process.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use xskit_testbed::{Host, WhenParentDies, cards};

use crate::authority::Identity;

/// Far above what anything here takes; a test that runs into it fails, it does not measure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What the server says on its error stream once it serves.
const READY: &str = "xskit: serving";

pub(crate) struct Server {
    child: Child,
    /// Reads the error stream to its end, for the message of a failing test.
    said: Option<JoinHandle<String>>,
}

/// By which sockets its packets come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    AfXdp,
    Udp,
}

/// What a server says at its end that it did.
pub(crate) struct Summary {
    /// Connections whose handshake was completed.
    pub(crate) connections: u64,
    pub(crate) requests: u64,
    /// Packets that arrived at another queue than that of their connection.
    pub(crate) handed_over: u64,
    pub(crate) early: u64,
    pub(crate) mode: String,
    pub(crate) packets: u64,
    /// System calls for packets.
    pub(crate) syscalls: u64,
    /// Packets dropped, of all causes.
    pub(crate) dropped: u64,
}

impl Summary {
    fn read(json: &str) -> Self {
        let summary: Value = serde_json::from_str(json).unwrap();
        let drops = summary["drops"].as_object().unwrap();
        Self {
            connections: summary["connections"].as_u64().unwrap(),
            requests: summary["requests"].as_u64().unwrap(),
            handed_over: summary["handed_over"].as_u64().unwrap(),
            early: summary["early"].as_u64().unwrap(),
            mode: summary["mode"].as_str().unwrap().to_owned(),
            packets: summary["packets"].as_u64().unwrap(),
            syscalls: summary["syscalls"].as_u64().unwrap(),
            dropped: drops
                .values()
                .map(|packets| packets.as_u64().unwrap())
                .sum(),
        }
    }
}

impl Server {
    /// Starts one on this host and returns once it serves.
    ///
    /// It dies with the calling thread, so that a failing test leaves nothing running.
    pub(crate) fn start(
        host: &Host,
        transport: Transport,
        listen: SocketAddr,
        root: &Path,
        identity: &Identity,
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xskit"));
        command
            .args(["serve", "--json"])
            .args(["--listen", &listen.to_string()])
            .arg("--root")
            .arg(root)
            .arg("--cert")
            .arg(&identity.certificate)
            .arg("--key")
            .arg(&identity.key)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        match transport {
            Transport::AfXdp => command.args(["--iface", &host.link.name]),
            Transport::Udp => command.args(["--transport", "udp"]),
        };
        if cards::are_named() && transport == Transport::AfXdp {
            // By itself it keeps off igb's.
            command.arg("--zero-copy=force");
        }
        host.namespace
            .enter_command(&mut command, WhenParentDies::Kill)
            .unwrap();
        let mut child = command.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (ready, is_ready) = mpsc::channel();
        let mut server = Self {
            child,
            said: Some(thread::spawn(move || listen_to(stderr, &ready))),
        };
        if is_ready.recv_timeout(PATIENCE).is_err() {
            let _ = server.child.kill();
            panic!("xskit serve does not serve; it said:\n{}", server.said());
        }
        server
    }

    /// SIGINT, as Ctrl-C sends it. It must end the server cleanly.
    pub(crate) fn interrupt(&mut self) -> Summary {
        self.ask_to_end();
        self.finish()
    }

    /// The same, without waiting for the end.
    pub(crate) fn ask_to_end(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// Waits for the end that it was asked for.
    pub(crate) fn finish(&mut self) -> Summary {
        let status = self.wait();
        assert!(status.success(), "{status}; it said:\n{}", self.said());
        let mut summary = String::new();
        let mut stdout = self.child.stdout.take().unwrap();
        stdout.read_to_string(&mut summary).unwrap();
        Summary::read(&summary)
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        panic!("SIGINT did not end xskit serve; it said:\n{}", self.said());
    }

    /// SIGKILL; returns when nothing of the process is left.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// All that it said, once it has ended.
    fn said(&mut self) -> String {
        self.said
            .take()
            .map(|reader| reader.join().unwrap())
            .unwrap_or_default()
    }
}

impl Drop for Server {
    /// A test that ends early takes its server along.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("xskit serve said:\n{}", self.said());
        }
    }
}

fn listen_to(stderr: ChildStderr, ready: &mpsc::Sender<()>) -> String {
    let mut said = String::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if line.starts_with(READY) {
            // Nobody listens any more where the test has given up.
            let _ = ready.send(());
        }
        said.push_str(&line);
        said.push('\n');
    }
    said
}

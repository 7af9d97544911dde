//! The two commands that the demo runs, each on its host.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde::de::DeserializeOwned;
use xskit::quic::cert::{Authority, Validity};
use xskit_testbed::{Host, HostPair, WhenParentDies};

use super::file::DemoFile;
use super::{PORT, SERVER_NAME};
use crate::args::DemoArgs;
use crate::get::GetSummary;
use crate::report;
use crate::serve::{READY, ServeSummary};
use crate::stop::Stop;

/// How long the server may take to end after SIGINT.
const END_PATIENCE: Duration = Duration::from_secs(5);
const POLL_PAUSE: Duration = Duration::from_millis(20);

/// `xskit serve` on one host.
pub(super) struct Server {
    child: Running,
    messages: JoinHandle<()>,
}

impl Server {
    /// Starts it with a certificate of the demo's own authority, and waits until it is ready.
    pub(super) fn start(
        args: &DemoArgs,
        host: &Host,
        file: &DemoFile,
        scratch: &Path,
    ) -> anyhow::Result<Self> {
        let authority = Authority::new()?;
        let pem = authority.issue(&[SERVER_NAME.to_owned()], Validity::days(1))?;
        let write = |name: &str, text: &str| {
            let path = scratch.join(name);
            std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
            anyhow::Ok(path)
        };
        write("ca.pem", &authority.pem())?;
        let (certificate, key) = (
            write("cert.pem", &pem.certificate)?,
            write("key.pem", &pem.key)?,
        );
        std::fs::set_permissions(&key, Permissions::from_mode(0o600)).context("chmod(2)")?;
        let mut command = xskit("serve", args, &host.link.name)?;
        command.arg("--listen").arg(format!("{}:{PORT}", host.ipv4));
        command.arg("--root").arg(&file.root);
        command.arg("--cert").arg(certificate).arg("--key").arg(key);
        if file.is_given {
            command.arg("--dotfiles");
            if geteuid().is_root() {
                command.args(["--user", "root"]);
            }
        }
        command.stderr(Stdio::piped());
        let mut child = Running::start(command, host)?;
        let stderr = child.0.stderr.take().context("the server's stderr")?;
        let messages = wait_until_ready(BufReader::new(stderr))?;
        Ok(Self { child, messages })
    }

    /// Ends it as a user would, and returns its summary.
    pub(super) fn finish(mut self) -> anyhow::Result<ServeSummary> {
        self.child.interrupt();
        let deadline = Instant::now() + END_PATIENCE;
        while self.child.is_running()? {
            ensure!(
                Instant::now() < deadline,
                "the server did not end within {END_PATIENCE:?}"
            );
            thread::sleep(POLL_PAUSE);
        }
        let summary = self.child.summary("serve")?;
        // It has ended, so its stderr has, and the thread with it.
        let _ = self.messages.join();
        Ok(summary)
    }
}

/// Passes the server's messages on up to the line that says it is ready; from there a thread does.
fn wait_until_ready(mut stderr: BufReader<ChildStderr>) -> anyhow::Result<JoinHandle<()>> {
    let mut line = String::new();
    loop {
        line.clear();
        let len = stderr
            .read_line(&mut line)
            .context("reading the server's stderr")?;
        ensure!(
            len > 0,
            "the server ended before it was ready; it says why above"
        );
        report::say(format_args!("{}", line.trim_end()));
        if line.starts_with(READY) {
            break;
        }
    }
    Ok(thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            report::say(format_args!("{line}"));
        }
    }))
}

/// `xskit get` on the other host.
pub(super) struct Client(Running);

impl Client {
    pub(super) fn start(
        args: &DemoArgs,
        hosts: &HostPair,
        file: &DemoFile,
        scratch: &Path,
    ) -> anyhow::Result<Self> {
        let mut command = xskit("get", args, &hosts.first.link.name)?;
        command.arg(format!("https://{SERVER_NAME}:{PORT}{}", file.url_path));
        command
            .arg("--resolve")
            .arg(format!("{SERVER_NAME}:{PORT}:{}", hosts.second.ipv4));
        command.arg("--ca").arg(scratch.join("ca.pem"));
        command.arg("-o").arg(scratch.join("received"));
        Ok(Self(Running::start(command, &hosts.first)?))
    }

    /// Waits until it is done, and returns its summary.
    pub(super) fn finish(mut self, stop: &Stop) -> anyhow::Result<GetSummary> {
        while self.0.is_running()? {
            if stop.is_asked() {
                bail!("interrupted");
            }
            thread::sleep(POLL_PAUSE);
        }
        self.0.summary("get")
    }
}

/// This program, with the demo's socket options.
fn xskit(what: &str, args: &DemoArgs, iface: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("finding this program")?);
    command.args([what, "--json", "--iface", iface]);
    command.args(args.tuning.words());
    command.stdout(Stdio::piped()).stdin(Stdio::null());
    // A group of its own, so that Ctrl-C reaches the demo alone, which then ends both.
    command.process_group(0);
    Ok(command)
}

/// A child process that doesn't outlive this value.
struct Running(Child);

impl Running {
    fn start(mut command: Command, host: &Host) -> anyhow::Result<Self> {
        host.namespace
            .enter_command(&mut command, WhenParentDies::Kill)?;
        Ok(Self(command.spawn().context("starting xskit once more")?))
    }

    fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self
            .0
            .try_wait()
            .context("waiting for a child process")?
            .is_none())
    }

    /// Sends SIGINT. If the process is gone already, waiting for it reports that.
    fn interrupt(&self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::INT);
    }

    /// The summary that it printed.
    fn summary<S: DeserializeOwned>(&mut self, what: &str) -> anyhow::Result<S> {
        let mut text = String::new();
        if let Some(mut stdout) = self.0.stdout.take() {
            stdout
                .read_to_string(&mut text)
                .context("reading a child's output")?;
        }
        let status = self.0.wait().context("waiting for a child process")?;
        ensure!(
            status.success(),
            "xskit {what} failed ({status}); it says why above"
        );
        serde_json::from_str(&text).with_context(|| format!("the summary of xskit {what}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

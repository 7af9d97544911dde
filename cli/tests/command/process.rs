//! `xskit` as a child process, and its outcome.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::iter;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use xskit_testbed::{Host, Namespace, WhenParentDies, cards};

/// Far above what anything here takes; a test that runs into it fails, it does not measure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_xskit");

/// What the server says on its error stream once it serves.
const READY: &str = "xskit: serving";

/// What a command says once it has waited for the carrier for a moment.
const WAITING: &str = "xskit: note: waiting for the carrier";

/// How lines that report no failure begin.
const NOTES: [&str; 4] = [
    READY,
    "xskit: note:",
    "xskit: warning:",
    "xskit: 10.77.0.1 ── ",
];

/// A program that will start in this namespace, and dies with the calling thread, so that a failing
/// test leaves nothing running.
pub(crate) fn command_in(namespace: &Namespace, program: &str) -> Command {
    let mut command = Command::new(program);
    let entered = namespace.enter_command(&mut command, WhenParentDies::Kill);
    entered.unwrap();
    command
}

/// Runs `ip` on a host, as an administrator would.
pub(crate) fn ip(namespace: &Namespace, words: &str) {
    let mut command = command_in(namespace, "ip");
    command.args(words.split(' ')).stdin(Stdio::null());
    assert!(command.status().unwrap().success(), "ip {words}");
}

/// Words of a command line: a text, split at its spaces, or a list of words, which may have some.
pub(crate) trait Words {
    fn words(&self) -> Vec<String>;
}

impl Words for str {
    fn words(&self) -> Vec<String> {
        self.split(' ')
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

impl<S: AsRef<str>> Words for [S] {
    fn words(&self) -> Vec<String> {
        self.iter().map(|word| word.as_ref().to_owned()).collect()
    }
}

impl<S: AsRef<str>, const N: usize> Words for [S; N] {
    fn words(&self) -> Vec<String> {
        self.as_slice().words()
    }
}

impl Words for String {
    fn words(&self) -> Vec<String> {
        self.as_str().words()
    }
}

/// A command that was not started yet.
pub(crate) struct Xskit<'a> {
    wrapper: Vec<String>,
    words: Vec<String>,
    environment: Vec<(&'static str, OsString)>,
    namespace: Option<&'a Namespace>,
}

/// On cards, zero-copy mode is tested, also with a driver for which a command would avoid it. So it
/// is forced if the words leave the choice.
fn forced_on_cards(words: &[String]) -> Option<&'static str> {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let opens_a_socket = matches!(words[..], ["demo" | "serve" | "get", ..] | ["bench", _, ..]);
    let chooses = ["--zero-copy", "generic", "udp"]
        .iter()
        .any(|word| words.contains(word));
    (cards::are_named() && opens_a_socket && !chooses).then_some("--zero-copy=force")
}

impl<'a> Xskit<'a> {
    /// `xskit` with these words.
    pub(crate) fn new(words: &(impl Words + ?Sized)) -> Self {
        Self {
            wrapper: Vec::new(),
            words: words.words(),
            environment: Vec::new(),
            namespace: None,
        }
    }

    /// Started by another program: `wrapper` is the beginning of its command line, to which that of
    /// `xskit` is added.
    pub(crate) fn through(mut self, wrapper: &(impl Words + ?Sized)) -> Self {
        self.wrapper = wrapper.words();
        self
    }

    /// On this host.
    pub(crate) fn on(self, host: &'a Host) -> Self {
        self.within(&host.namespace)
    }

    /// In this namespace.
    pub(crate) fn within(mut self, namespace: &'a Namespace) -> Self {
        self.namespace = Some(namespace);
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    pub(crate) fn start(self) -> Running {
        let mut words = self.wrapper;
        words.push(PROGRAM.to_owned());
        let forced = forced_on_cards(&self.words).map(str::to_owned);
        words.extend(self.words.into_iter().chain(forced));
        let mut command = match self.namespace {
            Some(namespace) => command_in(namespace, &words[0]),
            None => Command::new(&words[0]),
        };
        command.args(&words[1..]).envs(self.environment);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (began, has_begun) = mpsc::channel();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Running {
            child,
            has_begun,
            stdout: Some(thread::spawn(|| read_all(stdout))),
            stderr: Some(thread::spawn(move || listen(stderr, &began))),
        }
    }

    /// Starts it and waits until it ends.
    pub(crate) fn run(self) -> Outcome {
        self.start().finish()
    }

    /// Runs it and checks that it is [`refused`](Outcome::refused).
    #[track_caller]
    pub(crate) fn refused(self, words: &[&str]) {
        self.run().refused(words);
    }
}

/// One that was started.
pub(crate) struct Running {
    child: Child,
    /// Whether it serves, or only waits for the carrier.
    has_begun: Receiver<bool>,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    /// Returns once the server serves.
    pub(crate) fn ready(self) -> Self {
        self.until(|serves| serves)
    }

    /// Returns once the command waits for the carrier.
    pub(crate) fn waiting(self) -> Self {
        self.until(|serves| !serves)
    }

    fn until(mut self, is_meant: impl Fn(bool) -> bool) -> Self {
        let begun = || self.has_begun.recv_timeout(PATIENCE);
        if !iter::from_fn(|| begun().ok()).any(is_meant) {
            let _ = self.child.kill();
            panic!(
                "xskit neither serves nor waits; it said:\n{}",
                join(&mut self.stderr)
            );
        }
        self
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The process's files under `/proc`.
    pub(crate) fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id()))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// SIGINT, as Ctrl-C sends it, and the outcome.
    pub(crate) fn interrupt(self) -> Outcome {
        self.signal(Signal::INT);
        self.finish()
    }

    /// SIGKILL. Returns when nothing of the process is left.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(
            status.signal(),
            Some(Signal::KILL.as_raw()),
            "it had ended before"
        );
    }

    /// Waits until it ends.
    pub(crate) fn finish(mut self) -> Outcome {
        let deadline = Instant::now() + PATIENCE;
        while self.is_running() {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                panic!("xskit does not end; it said:\n{}", join(&mut self.stderr));
            }
            thread::sleep(Duration::from_millis(2));
        }
        Outcome {
            status: self.child.wait().unwrap(),
            stdout: join(&mut self.stdout),
            stderr: join(&mut self.stderr),
        }
    }
}

impl Drop for Running {
    /// A test that ends early kills it.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("xskit said:\n{}", join(&mut self.stderr));
        }
    }
}

/// How one ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Checks that it ended by itself with a code other than 0, and said why: all of `words`, once,
    /// and nothing of a panic.
    #[track_caller]
    pub(crate) fn refused(&self, words: &[&str]) {
        let code = self.status.code();
        assert!(code.is_some_and(|code| code == 1 || code == 2), "{self:#?}");
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {self:#?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        let messages = self.stderr.lines().filter(|line| {
            let is_note = NOTES.iter().any(|note| line.starts_with(note));
            !is_note && (line.starts_with("xskit:") || line.starts_with("error:"))
        });
        assert_eq!(messages.count(), 1, "one message was expected: {self:#?}");
        assert_no_echo(&self.stderr);
    }

    /// What it said, without what it says only on cards: that the link is down after an attach, and
    /// that igb returns frames twice.
    pub(crate) fn said(&self) -> String {
        let of_cards =
            |line: &&str| line.starts_with(WAITING) || line.contains("delivers frames twice");
        let lines = self.stderr.lines().filter(|line| !of_cards(line));
        lines.map(|line| format!("{line}\n")).collect()
    }

    /// Checks that it ended well, and takes the object that it printed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert!(self.status.success(), "{self:#?}");
        let mut lines = self.stdout.lines();
        let (line, more) = (lines.next().unwrap_or_default(), lines.next());
        assert_eq!(more, None, "one object on one line was expected: {self:#?}");
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }
}

/// A chain of causes contains each of them once.
#[track_caller]
fn assert_no_echo(stderr: &str) {
    for line in stderr.lines() {
        let errors = line.matches("(os error ").count();
        assert!(errors <= 1, "twice: {line}");
    }
}

/// Checks that a report has these members, each a number above zero, or a text that is not empty.
#[track_caller]
pub(crate) fn assert_members(report: &Value, names: &str) {
    for name in names.split(' ') {
        let is_there = match &report[name] {
            Value::Number(number) => number.as_f64().is_some_and(|number| number > 0.0),
            Value::String(text) => !text.is_empty(),
            _ => false,
        };
        assert!(is_there, "{name} in {report:#}");
    }
}

fn read_all(mut from: impl Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn listen(stderr: impl Read, began: &Sender<bool>) -> String {
    let mut said = String::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let serves = line.starts_with(READY);
        if serves || line.starts_with(WAITING) {
            // Fails if the test has given up.
            let _ = began.send(serves);
        }
        said.push_str(&line);
        said.push('\n');
    }
    said
}

fn join(reader: &mut Option<JoinHandle<String>>) -> String {
    reader
        .take()
        .map(|reader| reader.join().unwrap())
        .unwrap_or_default()
}

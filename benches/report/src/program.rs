//! A program that runs in a host, on a processor, until its value is dropped.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use xskit_testbed::{Host, WhenParentDies};

use crate::core::{Cores, Place};

/// How long a program may take to start, and to end once it should.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Program {
    name: String,
    child: Child,
    lines: Receiver<String>,
    complaints: Option<JoinHandle<String>>,
}

impl Program {
    /// Starts `words` in `host` at `place`. It dies with the calling thread.
    pub(crate) fn start(
        words: &[String],
        host: &Host,
        cores: &Cores,
        place: Place,
    ) -> anyhow::Result<Self> {
        let (name, arguments) = words.split_first().context("a command without a word")?;
        // A C program writes to a pipe in blocks, which would arrive only at its end.
        let mut command = Command::new("stdbuf");
        command.args(["-oL", name]).args(arguments);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        host.namespace
            .enter_command(&mut command, WhenParentDies::Kill)?;
        // A child starts on the processor of its parent thread.
        cores.go_to(place)?;
        let spawned = command.spawn();
        cores.go_to(Place::Anywhere)?;
        let mut child = spawned.with_context(|| format!("starting {name}"))?;
        let (told, lines) = channel();
        let stdout = child.stdout.take().context("its stdout")?;
        let stderr = child.stderr.take().context("its stderr")?;
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            // The receiver is gone once the measurement is over.
            lines
                .take_while(|line| told.send(line.clone()).is_ok())
                .for_each(drop);
        });
        Ok(Self {
            name: short_name(words),
            child,
            lines,
            complaints: Some(thread::spawn(|| read_all(stderr))),
        })
    }

    /// The next line of its output; `None` once it has ended.
    pub(crate) fn line(&self, patience: Duration) -> anyhow::Result<Option<String>> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                bail!("{} printed nothing for {patience:?}", self.name)
            }
        }
    }

    /// How long its threads ran so far, in nanoseconds: with the interrupts that came meanwhile,
    /// without threads that have ended.
    pub(crate) fn ran_ns(&self) -> anyhow::Result<u64> {
        let threads = format!("/proc/{}/task", self.child.id());
        let of_thread = |thread: std::io::Result<fs::DirEntry>| {
            let path = thread?.path().join("schedstat");
            let stat = fs::read_to_string(&path)?;
            let ran = stat
                .split(' ')
                .next()
                .and_then(|ran| ran.parse::<u64>().ok());
            ran.with_context(|| format!("{} is not as expected", path.display()))
        };
        let threads = fs::read_dir(&threads).context(threads)?;
        threads.map(of_thread).sum()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self
            .child
            .try_wait()
            .context("waiting for a program")?
            .is_none())
    }

    /// Waits until `is_done`, as long as the program runs. `failure` is the error's text after the
    /// program's name.
    pub(crate) fn wait_until(
        &mut self,
        failure: &str,
        mut is_done: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !is_done()? {
            if !self.is_running()? {
                let said = self.complaint();
                bail!("{}: {said}", self.name);
            }
            ensure!(Instant::now() < deadline, "{} {failure}", self.name);
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// SIGINT, as Ctrl-C sends it.
    pub(crate) fn interrupt(&self) {
        // It fails if the program has ended, which `finish` finds out.
        let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
    }

    /// Waits until it ends by itself, within `length` and some patience, and returns its output.
    ///
    /// # Errors
    /// Where it does not end, or ends with a code other than 0: its complaint.
    pub(crate) fn finish(mut self, length: Duration) -> anyhow::Result<String> {
        let deadline = Instant::now() + length + PATIENCE;
        let mut printed = String::new();
        while let Some(line) = self.line(deadline.saturating_duration_since(Instant::now()))? {
            printed.push_str(&line);
            printed.push('\n');
        }
        while self.is_running()? {
            ensure!(Instant::now() < deadline, "{} does not end", self.name);
            thread::sleep(Duration::from_millis(1));
        }
        let status = self.child.wait().context("waiting for a program")?;
        if !status.success() {
            let said = self.complaint();
            bail!("{} ({status}): {said}", self.name);
        }
        Ok(printed)
    }

    /// Its error message, for a program that has ended or should: it is killed.
    pub(crate) fn complaint(&mut self) -> String {
        let _ = self.child.kill();
        let said = self.complaints.take().and_then(|reader| reader.join().ok());
        complaint(&said.unwrap_or_default()).to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program's file name, and the words before the first option.
fn short_name(words: &[String]) -> String {
    let name = words
        .first()
        .map_or("", |path| path.rsplit('/').next().unwrap_or(path));
    let verbs = words
        .iter()
        .skip(1)
        .take_while(|word| !word.starts_with('-'));
    verbs.fold(name.to_owned(), |name, verb| name + " " + verb)
}

/// The first line about an error, or else the last line.
fn complaint(said: &str) -> &str {
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let of_error = |line: &&str| {
        let line = line.to_lowercase();
        ["error", "fail", "not compatible"]
            .iter()
            .any(|word| line.contains(word))
    };
    let first = lines.clone().find(of_error);
    first
        .or_else(|| lines.next_back())
        .unwrap_or("it said nothing")
}

fn read_all(mut from: impl Read) -> String {
    let mut bytes = Vec::new();
    // What was read before an error is returned.
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_the_first_line_that_tells_of_an_error() {
        let said = "note: so it is\n\nerror: no option --wait\n\nFor more, try --help.\n";
        assert_eq!(complaint(said), "error: no option --wait");
        assert_eq!(complaint("one\ntwo\n\n"), "two");
        assert_eq!(complaint("\n"), "it said nothing");
    }
}

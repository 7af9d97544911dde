//! A command that runs for long: all it says goes to a log, and a line now and then to the screen.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, PipeReader, Write};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How often a log gets a line; a terminal, where it takes the place of the last one, gets it more often.
const BEAT: Duration = Duration::from_secs(20);
const TERMINAL_BEAT: Duration = Duration::from_secs(1);

/// How a command ended.
pub(super) struct Ended {
    pub(super) succeeded: bool,
    /// What it said, on both streams.
    pub(super) output: String,
}

/// Runs `command` to its end, or until `limit` has passed; then it is killed. `beat` makes the line of what was said so far.
pub(super) fn run(
    command: &mut Command,
    log: &Path,
    limit: Duration,
    beat: impl Fn(&str) -> String,
) -> io::Result<Ended> {
    let mut log = File::create(log)?;
    writeln!(log, "{command:?}")?;
    let (reader, writer) = io::pipe()?;
    let mut child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    // The command holds the pipe's writing end; while it is open here too, the reading below would never end.
    command.stdout(io::stderr()).stderr(io::stderr());
    let lines = lines_of(reader);
    let began = Instant::now();
    let mut output = String::new();
    let mut screen = Screen::new();
    let in_time = loop {
        match lines.recv_timeout(TERMINAL_BEAT) {
            Ok(line) => {
                log.write_all(&line)?;
                output.push_str(&String::from_utf8_lossy(&line));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break true,
        }
        if began.elapsed() > limit {
            break false;
        }
        screen.show(|| format!("{:>5} s  {}", began.elapsed().as_secs(), beat(&output)))?;
    };
    screen.clear()?;
    if !in_time {
        let notice = format!("killed: still running after {} s\n", limit.as_secs());
        log.write_all(notice.as_bytes())?;
        output.push_str(&notice);
        child.kill()?;
    }
    let status: ExitStatus = child.wait()?;
    Ok(Ended {
        succeeded: in_time && status.success(),
        output,
    })
}

/// Read in a thread of their own, so that a command that says nothing for long doesn't stop the beat.
fn lines_of(reader: PipeReader) -> Receiver<Vec<u8>> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        loop {
            let mut line = Vec::new();
            let read = reader.read_until(b'\n', &mut line);
            if !matches!(read, Ok(1..)) || sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

struct Screen {
    is_terminal: bool,
    last: Instant,
}

impl Screen {
    fn new() -> Self {
        Self {
            is_terminal: io::stdout().is_terminal(),
            last: Instant::now(),
        }
    }

    fn show(&mut self, line: impl FnOnce() -> String) -> io::Result<()> {
        let beat = if self.is_terminal {
            TERMINAL_BEAT
        } else {
            BEAT
        };
        if self.last.elapsed() < beat {
            return Ok(());
        }
        self.last = Instant::now();
        let line: String = line().chars().take(100).collect();
        let mut stdout = io::stdout().lock();
        if self.is_terminal {
            write!(stdout, "\r\x1b[K{line}")?;
        } else {
            writeln!(stdout, "{line}")?;
        }
        stdout.flush()
    }

    fn clear(&self) -> io::Result<()> {
        if self.is_terminal {
            write!(io::stdout(), "\r\x1b[K")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::run;
    use std::process::Command;
    use std::time::Duration;
    use std::{env, fs, process};

    fn shell(script: &str, limit: Duration) -> (bool, String, String) {
        let name = format!("xskit-watch-{}-{}", process::id(), script.len());
        let log = env::temp_dir().join(name);
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let ended = run(&mut command, &log, limit, str::to_owned).expect("sh runs");
        let text = fs::read_to_string(&log).expect("there is a log");
        fs::remove_file(&log).expect("it can be removed");
        (ended.succeeded, ended.output, text)
    }

    #[test]
    fn both_streams_are_kept_and_logged() {
        let (succeeded, output, log) = shell("echo a; echo b >&2; exit 3", Duration::MAX);
        assert!(!succeeded);
        assert_eq!(output, "a\nb\n");
        assert!(log.ends_with("a\nb\n") && log.contains("exit 3"), "{log}");
    }

    #[test]
    fn what_does_not_end_is_ended() {
        let (succeeded, output, _) = shell("echo a; exec sleep 600", Duration::from_millis(200));
        assert!(!succeeded);
        assert!(output.starts_with("a\nkilled: "), "{output}");
    }
}

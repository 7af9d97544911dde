//! One command of a longer chore: run, timed, its output shown, its outcome kept for the closing
//! table.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::tally::{SKIPPED, Tally};

/// The width that a progress line is cut to.
const LINE_CHARS: usize = 100;

thread_local! {
    static MARGIN: Cell<&'static str> = const { Cell::new("") };
}

/// Begins each line that this thread's steps print with `margin`, where two threads run steps at
/// the same time.
pub(crate) fn set_margin(margin: &'static str) {
    MARGIN.set(margin);
}

/// A finished step.
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) took: Duration,
    pub(crate) succeeded: bool,
    pub(crate) output: String,
    pub(crate) tally: Tally,
}

impl Step {
    /// Runs `command` to its end and counts it as one check. A log gets the output as it comes, so
    /// that a hang shows where; a terminal gets the last line while the step runs, and the whole if
    /// it fails.
    pub(crate) fn run(name: impl Into<String>, command: &mut Command) -> Self {
        Self::judge(name.into(), command, |succeeded, _| succeeded)
    }

    /// Runs a command that must fail and say `reason`: the proof that a check can.
    pub(crate) fn run_to_fail(
        name: impl Into<String>,
        command: &mut Command,
        reason: &str,
    ) -> Self {
        Self::judge(name.into(), command, |succeeded, output| {
            !succeeded && output.contains(reason)
        })
    }

    /// A step that can't run here: it needs `what`.
    pub(crate) fn skip(name: impl Into<String>, what: &str) -> Self {
        let name = name.into();
        let margin = MARGIN.get();
        println!("{margin}==> {name}\n{margin}    {SKIPPED}{what}");
        Self {
            name,
            took: Duration::ZERO,
            succeeded: true,
            output: format!("{SKIPPED}{what}\n"),
            tally: Tally {
                skipped: 1,
                ..Tally::default()
            },
        }
    }

    fn judge(
        name: String,
        command: &mut Command,
        verdict: impl FnOnce(bool, &str) -> bool,
    ) -> Self {
        let margin = MARGIN.get();
        println!("{margin}==> {name}");
        let began = Instant::now();
        let mut output = String::new();
        let succeeded = match follow(command, &mut output) {
            Ok(succeeded) => verdict(succeeded, &output),
            Err(error) => {
                println!("{margin}{command:?} can't be run: {error}");
                false
            }
        };
        if !succeeded && io::stdout().is_terminal() {
            print!("{output}");
        }
        let took = began.elapsed();
        println!(
            "{margin}    {} in {:.1} s ({name})",
            if succeeded { "ok" } else { "FAILED" },
            took.as_secs_f64()
        );
        Self::ended(name, took, succeeded, output)
    }

    /// A step that was run otherwise: one check.
    pub(crate) fn ended(name: String, took: Duration, succeeded: bool, output: String) -> Self {
        let tally = Tally {
            passed: usize::from(succeeded),
            failed: usize::from(!succeeded),
            skipped: 0,
        };
        Self {
            name,
            took,
            succeeded,
            output,
            tally,
        }
    }

    /// Counts the tests in the output in place of the step itself; a step that ran none is one
    /// failure.
    pub(crate) fn counting_tests(mut self) -> Self {
        let tests = Tally::of_tests(&self.output);
        self.succeeded &= tests != Tally::default();
        if self.succeeded || tests.failed > 0 {
            self.tally = tests;
        } else {
            self.tally = Tally { failed: 1, ..tests };
        }
        self
    }
}

/// Prints a line as those of this thread's steps are.
pub(crate) fn say(line: &str) {
    println!("{}{line}", MARGIN.get());
}

/// Both streams of the child through one pipe, so that their lines keep their order.
fn follow(command: &mut Command, output: &mut String) -> io::Result<bool> {
    let (reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // The command holds the pipe's writing end; while it is open here too, the reading below would
    // never end.
    command.stdout(io::stderr()).stderr(io::stderr());
    let on_terminal = io::stdout().is_terminal();
    let mut lines = BufReader::new(reader);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        show(&text, on_terminal)?;
        output.push_str(&text);
        line.clear();
    }
    if on_terminal {
        print!("\r\x1b[K");
    }
    Ok(child.wait()?.success())
}

fn show(line: &str, on_terminal: bool) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    if on_terminal {
        let start: String = line.trim().chars().take(LINE_CHARS).collect();
        write!(stdout, "\r\x1b[K    {start}")?;
        stdout.flush()
    } else {
        write!(stdout, "{}{line}", MARGIN.get())
    }
}

#[cfg(test)]
mod tests {
    use super::Step;
    use crate::tally::Tally;
    use std::process::Command;
    use std::time::Duration;

    fn shell(script: &str) -> Step {
        Step::run("shell", Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn output_of_both_streams_is_kept_in_order() {
        let step = shell("echo one; echo two >&2; echo three; exit 3");
        assert_eq!(step.output, "one\ntwo\nthree\n");
        assert!(!step.succeeded);
        assert_eq!(
            step.tally,
            Tally {
                passed: 0,
                failed: 1,
                skipped: 0
            }
        );
    }

    fn finished(succeeded: bool, output: &str) -> Step {
        let (name, output) = (String::new(), output.to_owned());
        Step {
            name,
            took: Duration::ZERO,
            succeeded,
            output,
            tally: Tally::default(),
        }
    }

    #[test]
    fn a_build_that_fails_before_its_tests_is_a_failure() {
        let tally = |succeeded, output| finished(succeeded, output).counting_tests().tally;
        let counts = |passed, failed| Tally {
            passed,
            failed,
            skipped: 0,
        };
        assert_eq!(tally(false, "error: no\n"), counts(0, 1));
        assert_eq!(
            tally(true, "test result: ok. 7 passed; 0 failed\n"),
            counts(7, 0)
        );
        assert_eq!(
            tally(false, "test result: FAILED. 7 passed; 2 failed\n"),
            counts(7, 2)
        );
        // One test binary fine, the next one killed before it could sum up.
        assert_eq!(
            tally(false, "test result: ok. 7 passed; 0 failed\n"),
            counts(7, 1)
        );
    }

    #[test]
    fn a_command_that_must_fail_must_do_so_for_the_right_reason() {
        let must_say_no =
            |script| Step::run_to_fail("shell", Command::new("sh").args(["-c", script]), "no");
        assert!(must_say_no("echo no; exit 1").succeeded);
        assert!(!must_say_no("echo no").succeeded);
        assert!(!must_say_no("echo yes; exit 1").succeeded);
    }

    #[test]
    fn a_program_that_is_not_there_is_a_failure() {
        let nothing = || Command::new("no-such-command-anywhere");
        assert_eq!(Step::run("nothing", &mut nothing()).tally.failed, 1);
        assert_eq!(
            Step::run_to_fail("nothing", &mut nothing(), "")
                .tally
                .failed,
            1
        );
    }
}

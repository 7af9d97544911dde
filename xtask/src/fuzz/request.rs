//! The command line of `cargo xtask fuzz`.

use std::path::PathBuf;
use std::time::Duration;

use super::target::{self, Target};

/// How long each target runs, unless the command line says.
const DEFAULT: Duration = Duration::from_secs(60);

/// What is asked for.
#[derive(Debug)]
pub(super) enum Request {
    /// Fuzz these, each for this long.
    Fuzz(Vec<Target>, Duration),
    /// Run one input.
    Replay(Target, PathBuf),
    /// Look for a shorter input that is found as well.
    Minimise(Target, PathBuf, Duration),
}

impl Request {
    /// `[--seconds N] [TARGET…]`, `--replay TARGET FILE` or `[--seconds N] --minimise TARGET FILE`.
    pub(super) fn parse(args: &[String]) -> Result<Self, String> {
        let mut each = DEFAULT;
        let mut rest = args;
        if let [flag, number, after @ ..] = rest
            && flag == "--seconds"
        {
            let seconds = number.parse().ok().filter(|seconds| *seconds > 0);
            each =
                Duration::from_secs(seconds.ok_or("--seconds needs a whole number of at least 1")?);
            rest = after;
        }
        match rest {
            [flag, name, file] if flag == "--replay" => {
                Ok(Self::Replay(target::named(name)?, file.into()))
            }
            [flag, name, file] if flag == "--minimise" => {
                Ok(Self::Minimise(target::named(name)?, file.into(), each))
            }
            [] => Ok(Self::Fuzz(target::ALL.to_vec(), each)),
            [flag, ..] if flag.starts_with('-') => Err(USAGE.to_owned()),
            names => {
                let targets: Result<_, _> = names.iter().map(|name| target::named(name)).collect();
                Ok(Self::Fuzz(targets?, each))
            }
        }
    }
}

const USAGE: &str = "usage: cargo xtask fuzz [--seconds N] [TARGET…], \
     cargo xtask fuzz --replay TARGET FILE, or cargo xtask fuzz [--seconds N] --minimise TARGET FILE";

#[cfg(test)]
mod tests {
    use super::Request;
    use crate::fuzz::target::ALL;
    use std::path::Path;
    use std::time::Duration;

    fn parse(line: &str) -> Result<Request, String> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Request::parse(&args)
    }

    #[test]
    fn every_target_for_a_minute_unless_told() {
        let fuzz = |line: &str| match parse(line) {
            Ok(Request::Fuzz(targets, each)) => (targets.len(), each.as_secs()),
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(fuzz(""), (ALL.len(), 60));
        assert_eq!(fuzz("--seconds 5"), (ALL.len(), 5));
        assert_eq!(fuzz("--seconds 5 wire_parse"), (1, 5));
    }

    #[test]
    fn one_input_is_replayed_or_minimised() {
        let file = Path::new("a/b");
        let replay = parse("--replay wire_parse a/b");
        assert!(matches!(replay, Ok(Request::Replay(_, path)) if path == file));
        let minimise = parse("--seconds 9 --minimise wire_parse a/b");
        let nine = Duration::from_secs(9);
        assert!(
            matches!(minimise, Ok(Request::Minimise(_, path, each)) if path == file && each == nine)
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "no_such_target",
            "--seconds",
            "--seconds x",
            "--seconds 0",
            "--replay wire_parse",
            "--replay nobody a",
            "wire_parse nobody",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}

//! Lengths of time on the command line, in seconds.

use std::time::Duration;

use anyhow::{Context, ensure};

/// The longest that makes sense; far below where a clock would overflow.
const MOST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A number of seconds, zero included.
pub(crate) fn any(text: &str) -> anyhow::Result<Duration> {
    let seconds = text.parse().ok().map(Duration::try_from_secs_f64);
    seconds
        .and_then(Result::ok)
        .filter(|seconds| *seconds <= MOST)
        .context("use a number of seconds from 0 to a year, such as 10 or 0.5")
}

/// A number of seconds above zero.
pub(crate) fn some(text: &str) -> anyhow::Result<Duration> {
    let seconds = any(text)?;
    ensure!(
        !seconds.is_zero(),
        "use a number of seconds above 0, such as 10 or 0.5"
    );
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{any, some};

    #[test]
    fn takes_what_a_clock_can_add() {
        assert_eq!(any("0").ok(), Some(Duration::ZERO));
        assert_eq!(some("0.5").ok(), Some(Duration::from_millis(500)));
        assert!(some("0").is_err());
        for wrong in ["", "-1", "x", "nan", "inf", "1e19", "1e300", "5s"] {
            assert!(any(wrong).is_err() && some(wrong).is_err(), "{wrong}");
        }
    }
}

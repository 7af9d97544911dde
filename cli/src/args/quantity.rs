//! Quantities on the command line: bytes with a unit (`256M`), and seconds.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, ensure};

/// The longest time that makes sense; far below what overflows a clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (number, shift) = match text.chars().last() {
            Some('K' | 'k') => (&text[..text.len() - 1], 10),
            Some('M' | 'm') => (&text[..text.len() - 1], 20),
            Some('G' | 'g') => (&text[..text.len() - 1], 30),
            _ => (text, 0),
        };
        let number: u64 = number.parse().with_context(|| {
            format!(
                "{text:?} is not a size: use a number of bytes, or one with K, M or G, such as 256M"
            )
        })?;
        let bytes = number
            .checked_mul(1 << shift)
            .context("the size is too large")?;
        Ok(Self(bytes))
    }
}

/// A number of seconds, zero included.
pub(crate) fn seconds(text: &str) -> anyhow::Result<Duration> {
    let seconds = text.parse().ok().map(Duration::try_from_secs_f64);
    seconds
        .and_then(Result::ok)
        .filter(|seconds| *seconds <= LONGEST)
        .context("use a number of seconds from 0 to a year, such as 10 or 0.5")
}

/// A number of seconds above zero.
pub(crate) fn some_seconds(text: &str) -> anyhow::Result<Duration> {
    let length = seconds(text)?;
    ensure!(
        !length.is_zero(),
        "use a number of seconds above 0, such as 10 or 0.5"
    );
    Ok(length)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Size, seconds, some_seconds};

    #[test]
    fn units_are_powers_of_1024() {
        let bytes = |text: &str| text.parse::<Size>().map(|size| size.0).ok();
        assert_eq!(bytes("0"), Some(0));
        assert_eq!(bytes("7"), Some(7));
        assert_eq!(bytes("2k"), Some(2048));
        assert_eq!(bytes("256M"), Some(256 << 20));
        assert_eq!(bytes("10G"), Some(10 << 30));
        for wrong in ["", "M", "-1", "1T", "1.5M", "ä", "99999999999G"] {
            assert_eq!(bytes(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn takes_what_a_clock_can_add() {
        assert_eq!(seconds("0").ok(), Some(Duration::ZERO));
        assert_eq!(some_seconds("0.5").ok(), Some(Duration::from_millis(500)));
        assert!(some_seconds("0").is_err());
        for wrong in ["", "-1", "x", "nan", "inf", "1e19", "1e300", "5s"] {
            assert!(
                seconds(wrong).is_err() && some_seconds(wrong).is_err(),
                "{wrong}"
            );
        }
    }
}

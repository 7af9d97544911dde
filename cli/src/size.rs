//! A number of bytes with a unit: `256M`.

use std::str::FromStr;

use anyhow::Context;

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
        let number: u64 = number
            .parse()
            .with_context(|| format!("{text:?} is no size: use a number, with K, M or G"))?;
        let bytes = number
            .checked_mul(1 << shift)
            .context("the size is too large")?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::Size;

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
}

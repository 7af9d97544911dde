//! `ByteRange`: one range of a `Range` header field (RFC 9110, section 14).

use std::fmt;

/// A requested range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From this offset to the end: `bytes=500-`.
    From(u64),
    /// From the first offset to the second, inclusive: `bytes=0-499`.
    Inclusive(u64, u64),
    /// The last bytes, this many: `bytes=-500`.
    Last(u64),
}

/// Part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Offset of its first byte.
    pub(crate) start: u64,
    /// Its length in bytes.
    pub(crate) len: u64,
}

impl ByteRange {
    /// Parses a `Range` field. `None` for what a server may ignore and this one does: another unit,
    /// several ranges, or anything malformed.
    pub(crate) fn parse(field: &str) -> Option<Self> {
        let (unit, ranges) = field.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = ranges.trim().split_once('-')?;
        match (first, last) {
            ("", last) => Some(Self::Last(offset(last)?)),
            (first, "") => Some(Self::From(offset(first)?)),
            (first, last) => {
                let (first, last) = (offset(first)?, offset(last)?);
                (first <= last).then_some(Self::Inclusive(first, last))
            }
        }
    }

    /// The part of a file of `size` bytes; `None` if it has none of the range (status 416).
    pub(crate) fn within(self, size: u64) -> Option<Span> {
        let (start, end) = match self {
            Self::From(first) => (first, size),
            Self::Inclusive(first, last) => (first, last.saturating_add(1).min(size)),
            Self::Last(len) => (size.saturating_sub(len), size),
        };
        let len = end.checked_sub(start).filter(|len| *len > 0)?;
        Some(Span { start, len })
    }
}

/// Digits only: `parse` alone would accept a sign. An offset past 2^64 is past any file.
fn offset(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

impl fmt::Display for ByteRange {
    /// The field's value, as in `bytes=0-499`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::From(first) => write!(f, "bytes={first}-"),
            Self::Inclusive(first, last) => write!(f, "bytes={first}-{last}"),
            Self::Last(len) => write!(f, "bytes=-{len}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_file_or_unsatisfiable() {
        for (field, size, expected) in [
            ("bytes=0-0", 10, Some((0, 1))),
            ("bytes=3-", 10, Some((3, 7))),
            ("bytes=3-5", 10, Some((3, 3))),
            ("bytes=3-99", 10, Some((3, 7))),
            ("bytes=-4", 10, Some((6, 4))),
            ("bytes=-40", 10, Some((0, 10))),
            ("bytes=9-18446744073709551615", 10, Some((9, 1))),
            ("bytes=0-99999999999999999999999", 10, Some((0, 10))),
            ("bytes=10-", 10, None),
            ("bytes=10-20", 10, None),
            ("bytes=-0", 10, None),
            ("bytes=0-", 0, None),
            ("bytes=-5", 0, None),
            ("bytes=99999999999999999999999-", 10, None),
        ] {
            let span = ByteRange::parse(field).unwrap().within(size);
            let span = span.map(|span| (span.start, span.len));
            assert_eq!(span, expected, "{field} of {size}");
        }
    }

    #[test]
    fn what_is_not_one_byte_range_is_ignored() {
        for field in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=5-3",
            "bytes=1-2,4-5",
            "lines=1-2",
            "bytes=1",
            "bytes=--1",
            "bytes=1-2-3",
        ] {
            assert_eq!(ByteRange::parse(field), None, "{field}");
        }
    }

    #[test]
    fn written_as_read() {
        for field in ["bytes=7-", "bytes=0-499", "bytes=-500"] {
            assert_eq!(ByteRange::parse(field).unwrap().to_string(), field);
        }
    }
}

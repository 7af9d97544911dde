//! `ContentRange`: which part of a file a response holds (RFC 9110, section 14.4).

use std::fmt;

/// A `Content-Range` field in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// Status 206: `bytes 500-999/1234`.
    Part {
        /// Offset of the part's first byte.
        first: u64,
        /// Offset of its last byte.
        last: u64,
        /// Length of the whole file in bytes, if the server knows it.
        complete: Option<u64>,
    },
    /// Status 416, without a part: `bytes */1234`.
    Unsatisfied {
        /// Length of the whole file in bytes.
        complete: u64,
    },
}

impl ContentRange {
    /// Parses the field's value. `None` if it has another unit, is malformed or contradicts itself.
    pub(crate) fn parse(field: &str) -> Option<Self> {
        let (unit, range) = field.trim().split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (part, complete) = range.split_once('/')?;
        if part == "*" {
            let complete = number(complete)?;
            return Some(Self::Unsatisfied { complete });
        }
        let (first, last) = part.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let complete = match complete {
            "*" => None,
            digits => Some(number(digits)?),
        };
        let is_sane = first <= last && complete.is_none_or(|complete| last < complete);
        is_sane.then_some(Self::Part {
            first,
            last,
            complete,
        })
    }
}

/// Digits only: `parse` alone would accept a sign.
fn number(digits: &str) -> Option<u64> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

impl fmt::Display for ContentRange {
    /// The field's value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part {
                first,
                last,
                complete: Some(complete),
            } => write!(f, "bytes {first}-{last}/{complete}"),
            Self::Part { first, last, .. } => write!(f, "bytes {first}-{last}/*"),
            Self::Unsatisfied { complete } => write!(f, "bytes */{complete}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ContentRange;

    #[test]
    fn written_as_read() {
        for field in ["bytes 5-9/10", "bytes 0-0/*", "bytes */10", "bytes */0"] {
            let range = ContentRange::parse(field).expect(field);
            assert_eq!(range.to_string(), field);
        }
        let part = ContentRange::Part {
            first: 5,
            last: 9,
            complete: Some(10),
        };
        assert_eq!(ContentRange::parse("Bytes 5-9/10"), Some(part));
    }

    #[test]
    fn what_contradicts_itself_or_is_malformed_is_no_range() {
        for field in [
            "",
            "bytes",
            "bytes ",
            "bytes 5-9",
            "bytes 9-5/10",
            "bytes 5-10/10",
            "bytes 5-/10",
            "bytes -9/10",
            "bytes +5-9/10",
            "bytes 5-9/",
            "bytes 5-9/-1",
            "bytes */*",
            "bytes=5-9/10",
            "lines 5-9/10",
            "bytes 0-99999999999999999999/*",
        ] {
            assert_eq!(ContentRange::parse(field), None, "{field}");
        }
    }
}

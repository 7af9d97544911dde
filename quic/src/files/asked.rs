//! `Asked`: the range, version and encoding of a file that a request asks for.

use super::condition::Conditions;
use super::encoding::Accepted;
use crate::http::{BadRequest, Fields, utf8};

/// The header fields that matter for files.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked<'a> {
    pub(super) range: Option<&'a str>,
    pub(super) conditions: Conditions<'a>,
    pub(super) accepted: Accepted,
}

impl<'a> Asked<'a> {
    /// Collects the fields. Each may occur once, except for lists.
    pub(super) fn parse(fields: Fields<'a>) -> Result<Self, BadRequest> {
        let mut asked = Self::default();
        for (name, value) in fields.iter() {
            asked.take(name, value)?;
        }
        Ok(asked)
    }

    fn take(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), BadRequest> {
        if name == b"accept-encoding" {
            self.accepted.add(value);
            return Ok(());
        }
        let conditions = &mut self.conditions;
        let (slot, repeated) = match name {
            b"range" => (&mut self.range, "more than one range"),
            b"if-range" => (&mut conditions.if_range, "more than one if-range"),
            b"if-match" => return utf8(value).map(|it| conditions.if_match.push(it)),
            b"if-none-match" => return utf8(value).map(|it| conditions.if_none_match.push(it)),
            b"if-modified-since" => (
                &mut conditions.if_modified_since,
                "more than one if-modified-since",
            ),
            b"if-unmodified-since" => (
                &mut conditions.if_unmodified_since,
                "more than one if-unmodified-since",
            ),
            _ => return Ok(()),
        };
        if slot.replace(utf8(value)?).is_some() {
            return Err(BadRequest(repeated));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use quiche::h3::Header;

    use super::*;

    #[test]
    fn fields_are_collected_and_only_lists_may_repeat() {
        let list: Vec<Header> = [
            ("range", "bytes=0-1"),
            ("if-range", "\"x\""),
            ("if-match", "\"x\""),
            ("if-match", "\"y\""),
            ("if-none-match", "\"z\""),
            ("if-modified-since", "then"),
            ("if-unmodified-since", "now"),
            ("accept", "*/*"),
            ("accept-encoding", "gzip;q=0.5"),
            ("accept-encoding", "br"),
        ]
        .map(|(name, value)| Header::new(name.as_bytes(), value.as_bytes()))
        .into();
        let asked = Asked::parse(Fields::new(&list)).unwrap();
        assert_eq!(asked.range, Some("bytes=0-1"));
        assert_eq!(asked.accepted.wanted().count(), 2);
        let conditions = asked.conditions;
        assert_eq!(conditions.if_range, Some("\"x\""));
        assert_eq!(conditions.if_match, ["\"x\"", "\"y\""]);
        assert_eq!(conditions.if_none_match, ["\"z\""]);
        assert_eq!(conditions.if_modified_since, Some("then"));
        assert_eq!(conditions.if_unmodified_since, Some("now"));
        for name in ["range", "if-range", "if-modified-since"] {
            let twice = [b"x", b"y"].map(|value| Header::new(name.as_bytes(), value));
            assert!(Asked::parse(Fields::new(&twice)).is_err(), "{name}");
        }
        let garbage = [Header::new(b"range", &[0xff])];
        assert!(Asked::parse(Fields::new(&garbage)).is_err());
    }
}

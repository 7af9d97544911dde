//! `Validator`: what identifies a version of a file (RFC 9110, section 8.8).

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use super::event::ResponseHead;

/// How much older than the response's date a modification date must be to count as strong. A file
/// can change twice within a second, and the two dates may be from different clocks (RFC 9110,
/// section 8.8.2.2).
const MIN_AGE: Duration = Duration::from_secs(60);

/// A strong validator: an entity tag, or a modification date that is old enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validator(String);

/// The text is neither a strong entity tag nor a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a strong entity tag nor an HTTP date")]
pub struct NoValidator;

impl Validator {
    /// The validator of a response. `None` if it has no strong one. A date beside a weak entity tag
    /// doesn't count (section 13.1.5).
    #[must_use]
    pub fn of(head: &ResponseHead) -> Option<Self> {
        if let Some(tag) = head.field("etag") {
            return is_strong_tag(tag).then(|| Self(tag.to_owned()));
        }
        let modified = head.field("last-modified")?;
        let age = date(head.field("date")?)?.duration_since(date(modified)?);
        age.is_ok_and(|age| age >= MIN_AGE)
            .then(|| Self(modified.to_owned()))
    }

    /// Whether a response is of this version, by its field of the same kind. `None` if it has no
    /// such field.
    #[must_use]
    pub fn matches(&self, head: &ResponseHead) -> Option<bool> {
        let name = if self.is_tag() {
            "etag"
        } else {
            "last-modified"
        };
        head.field(name).map(|value| value == self.0)
    }

    /// The value for `If-Range`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_tag(&self) -> bool {
        self.0.starts_with('"')
    }
}

impl FromStr for Validator {
    type Err = NoValidator;

    /// Parses the text of [`as_str`](Self::as_str).
    fn from_str(text: &str) -> Result<Self, NoValidator> {
        if is_strong_tag(text) || date(text).is_some() {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoValidator)
        }
    }
}

/// ASCII only: other characters may have been altered on the way.
fn is_strong_tag(text: &str) -> bool {
    let inside = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    inside.is_some_and(|it| it.bytes().all(|b| b.is_ascii_graphic() && b != b'"'))
}

fn date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODIFIED: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
    const A_MINUTE_LATER: &str = "Sun, 09 Sep 2001 01:47:40 GMT";
    const EARLIER_THAN_THAT: &str = "Sun, 09 Sep 2001 01:47:39 GMT";

    fn head(fields: &[(&str, &str)]) -> ResponseHead {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        ResponseHead {
            status: 200,
            content_length: None,
            fields: fields.iter().map(owned).collect(),
        }
    }

    fn of(fields: &[(&str, &str)]) -> Option<String> {
        Validator::of(&head(fields)).map(|it| it.as_str().to_owned())
    }

    #[test]
    fn only_strong_ones_count() {
        assert_eq!(of(&[("etag", "\"a\"")]).as_deref(), Some("\"a\""));
        assert_eq!(of(&[("etag", "\"\"")]).as_deref(), Some("\"\""));
        let dated = |date| [("last-modified", MODIFIED), ("date", date)];
        assert_eq!(of(&dated(A_MINUTE_LATER)).as_deref(), Some(MODIFIED));
        for fields in [
            &dated(EARLIER_THAN_THAT)[..],
            &dated(MODIFIED),
            &dated("soon"),
            &[("last-modified", MODIFIED)],
            &[("date", A_MINUTE_LATER)],
            &[("last-modified", "yesterday"), ("date", A_MINUTE_LATER)],
            &[("etag", "W/\"a\"")],
            &[&dated(A_MINUTE_LATER)[..], &[("etag", "W/\"a\"")]].concat(),
            &[("etag", "a")],
            &[("etag", "\"")],
            &[("etag", "\"a\"b\"")],
            &[("etag", "\"a b\"")],
            &[("etag", "\"\u{e4}\"")],
            &[],
        ] {
            assert_eq!(of(fields), None, "{fields:?}");
        }
    }

    #[test]
    fn a_response_is_compared_by_the_field_of_the_same_kind() {
        let tag: Validator = "\"a\"".parse().unwrap();
        let other = [("etag", "W/\"a\""), ("last-modified", MODIFIED)];
        assert_eq!(tag.matches(&head(&[("etag", "\"a\"")])), Some(true));
        assert_eq!(tag.matches(&head(&other)), Some(false));
        assert_eq!(tag.matches(&head(&[("last-modified", MODIFIED)])), None);
        let date: Validator = MODIFIED.parse().unwrap();
        assert_eq!(date.matches(&head(&other)), Some(true));
        assert_eq!(date.matches(&head(&[("etag", MODIFIED)])), None);
    }

    #[test]
    fn other_text_is_no_validator() {
        for text in ["", "a", "\"", "W/\"a\"", "\"a\"\n", "yesterday"] {
            assert_eq!(text.parse::<Validator>(), Err(NoValidator), "{text:?}");
        }
    }
}

//! `Conditions`: whether a request's preconditions hold (RFC 9110, section 13).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The precondition fields of a request, as received.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions<'a> {
    /// A list, one entry per field line.
    pub(super) if_match: Vec<&'a str>,
    pub(super) if_unmodified_since: Option<&'a str>,
    /// A list, one entry per field line.
    pub(super) if_none_match: Vec<&'a str>,
    pub(super) if_modified_since: Option<&'a str>,
    pub(super) if_range: Option<&'a str>,
}

/// What identifies a version of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validators<'a> {
    /// A strong entity tag, with its quotes.
    pub(super) etag: &'a str,
    pub(super) modified: SystemTime,
    /// Whether the date is a strong validator. It isn't for an encoded file, which usually has the
    /// same date as its original: a part of each could be taken for parts of one.
    pub(super) is_date_strong: bool,
}

/// The result of the preconditions of a GET or HEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Answer as if there were none, but honour `Range` only if `range` is set.
    Proceed { range: bool },
    /// The client has this version: 304.
    NotModified,
    /// The client wants another version: 412.
    Failed,
}

impl Conditions<'_> {
    /// Evaluates all of them against an existing file, in the order of section 13.2.2. A field with
    /// an invalid date is ignored.
    pub(super) fn judge(&self, file: Validators<'_>) -> Verdict {
        let modified = whole_seconds(file.modified);
        if !self.if_match.is_empty() {
            if !lists(&self.if_match, file.etag, Comparison::Strong) {
                return Verdict::Failed;
            }
        } else if date(self.if_unmodified_since).is_some_and(|date| modified > date) {
            return Verdict::Failed;
        }
        if !self.if_none_match.is_empty() {
            if lists(&self.if_none_match, file.etag, Comparison::Weak) {
                return Verdict::NotModified;
            }
        } else if date(self.if_modified_since).is_some_and(|date| modified <= date) {
            return Verdict::NotModified;
        }
        Verdict::Proceed {
            range: self.range_holds(file),
        }
    }

    /// Section 13.1.5: the tag must match by strong comparison, or the date exactly.
    fn range_holds(&self, file: Validators<'_>) -> bool {
        let Some(validator) = self.if_range.map(str::trim) else {
            return true;
        };
        if validator.starts_with('"') || validator.starts_with("W/") {
            return validator == file.etag;
        }
        file.is_date_strong && date(Some(validator)) == Some(whole_seconds(file.modified))
    }
}

/// How two tags are compared (RFC 9110, section 8.8.3.2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    /// A weak tag equals none.
    Strong,
    /// Whether a tag is weak makes no difference.
    Weak,
}

/// Whether a list of tags, or `*`, names `etag`, which is strong.
fn lists(lines: &[&str], etag: &str, comparison: Comparison) -> bool {
    if let [line] = lines
        && line.trim() == "*"
    {
        return true;
    }
    lines.iter().any(|line| {
        Tags(line).any(|tag| match tag.strip_prefix("W/") {
            None => tag == etag,
            Some(opaque) => comparison == Comparison::Weak && opaque == etag,
        })
    })
}

/// The tags of one field line. Ends where the line is malformed.
struct Tags<'a>(&'a str);

impl<'a> Iterator for Tags<'a> {
    type Item = &'a str;

    /// Tags end at quotes, because a tag may contain commas.
    fn next(&mut self) -> Option<&'a str> {
        let line = self.0.trim_start_matches([' ', '\t', ',']);
        let opaque = line.strip_prefix("W/").unwrap_or(line);
        let inside = opaque.strip_prefix('"')?;
        let (value, rest) = inside.split_once('"')?;
        let after = rest.trim_start_matches([' ', '\t']);
        if !after.is_empty() && !after.starts_with(',') {
            return None;
        }
        self.0 = after;
        let quotes = 2;
        line.get(..line.len() - opaque.len() + value.len() + quotes)
    }
}

fn date(field: Option<&str>) -> Option<SystemTime> {
    httpdate::parse_http_date(field?.trim()).ok()
}

/// An HTTP date has no fractions.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "\"a,b\"";
    const SAME: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
    const EARLIER: &str = "Sun, 09 Sep 2001 01:46:39 GMT";
    const LATER: &str = "Sun, 09 Sep 2001 01:46:41 GMT";
    const YES: Verdict = Verdict::Proceed { range: true };
    const WHOLE: Verdict = Verdict::Proceed { range: false };

    /// The verdict on a GET with these fields.
    fn judge(fields: &[(&str, &'static str)]) -> Verdict {
        let mut conditions = Conditions::default();
        for (name, value) in fields {
            match *name {
                "if-match" => conditions.if_match.push(value),
                "if-unmodified-since" => conditions.if_unmodified_since = Some(value),
                "if-none-match" => conditions.if_none_match.push(value),
                "if-modified-since" => conditions.if_modified_since = Some(value),
                "if-range" => conditions.if_range = Some(value),
                other => panic!("{other}"),
            }
        }
        conditions.judge(file())
    }

    fn file() -> Validators<'static> {
        Validators {
            etag: OWN,
            modified: UNIX_EPOCH + Duration::new(1_000_000_000, 7),
            is_date_strong: true,
        }
    }

    #[test]
    fn one_field_alone() {
        use Verdict::{Failed, NotModified};
        for (name, value, verdict) in [
            ("if-match", OWN, YES),
            ("if-match", "*", YES),
            ("if-match", "\"x\" , \"a,b\"", YES),
            ("if-match", ", ,\"a,b\",", YES),
            ("if-match", "W/\"a,b\"", Failed),
            ("if-match", "\"x\"", Failed),
            ("if-match", "\"x\", *", Failed),
            ("if-match", "a,b", Failed),
            ("if-match", "\"a,b\"x", Failed),
            ("if-match", "\"a", Failed),
            ("if-match", "", Failed),
            ("if-unmodified-since", SAME, YES),
            ("if-unmodified-since", LATER, YES),
            ("if-unmodified-since", EARLIER, Failed),
            ("if-unmodified-since", "yesterday", YES),
            ("if-none-match", OWN, NotModified),
            ("if-none-match", "W/\"a,b\"", NotModified),
            ("if-none-match", "\"x\",W/\"a,b\"", NotModified),
            ("if-none-match", "*", NotModified),
            ("if-none-match", "w/\"a,b\"", YES),
            ("if-none-match", "W/W/\"a,b\"", YES),
            ("if-none-match", "\"x\"", YES),
            ("if-none-match", "", YES),
            ("if-modified-since", SAME, NotModified),
            ("if-modified-since", LATER, NotModified),
            ("if-modified-since", EARLIER, YES),
            ("if-modified-since", "yesterday", YES),
            ("if-range", OWN, YES),
            ("if-range", SAME, YES),
            ("if-range", "W/\"a,b\"", WHOLE),
            ("if-range", "\"x\"", WHOLE),
            ("if-range", EARLIER, WHOLE),
            ("if-range", LATER, WHOLE),
            ("if-range", "yesterday", WHOLE),
        ] {
            assert_eq!(judge(&[(name, value)]), verdict, "{name}: {value}");
        }
        assert_eq!(judge(&[]), YES);
    }

    #[test]
    fn a_date_that_two_versions_have_holds_for_no_range() {
        let conditions = |validator| Conditions {
            if_range: Some(validator),
            if_modified_since: Some(EARLIER),
            ..Conditions::default()
        };
        let shared = Validators {
            is_date_strong: false,
            ..file()
        };
        assert_eq!(conditions(SAME).judge(shared), WHOLE);
        assert_eq!(conditions(OWN).judge(shared), YES);
    }

    #[test]
    fn fields_in_their_order() {
        use Verdict::{Failed, NotModified};
        const OTHER: &str = "\"x\"";
        let (matches, none) = ("if-match", "if-none-match");
        let (unmodified, modified) = ("if-unmodified-since", "if-modified-since");
        for (first, second, verdict) in [
            // A tag decides, and the date beside it is not looked at.
            ((matches, OWN), (unmodified, EARLIER), YES),
            ((matches, OTHER), (unmodified, LATER), Failed),
            ((none, OTHER), (modified, SAME), YES),
            ((none, OWN), (modified, EARLIER), NotModified),
            // 412 comes before 304, and both before a range.
            ((matches, OTHER), (none, OWN), Failed),
            ((unmodified, EARLIER), (none, OWN), Failed),
            ((matches, OWN), (none, OWN), NotModified),
            ((matches, OTHER), ("if-range", OWN), Failed),
            ((none, OWN), ("if-range", OWN), NotModified),
            ((matches, OWN), ("if-range", OTHER), WHOLE),
            // A list may come in parts.
            ((matches, OWN), (matches, OTHER), YES),
            ((none, OWN), (none, OTHER), NotModified),
        ] {
            assert_eq!(judge(&[first, second]), verdict, "{first:?} {second:?}");
        }
    }
}

//! The request for the rest of a file, and what the server's answer means (RFC 9110, sections
//! 13.1.5 and 14).

use anyhow::{bail, ensure};
use xskit::quic::client::{ResponseHead, Validator};
use xskit::quic::{ByteRange, ContentRange};

/// What to ask for.
#[derive(Clone, Debug)]
pub(crate) struct Continuation {
    /// The bytes that are there.
    pub(crate) offset: u64,
    /// Their version.
    pub(crate) validator: Validator,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The rest of the file follows, which is `complete` bytes long.
    GoOn { complete: u64 },
    /// No byte is missing.
    Whole,
    /// The whole file follows.
    Anew,
    /// Nothing follows: ask for the whole file.
    Ask,
    /// The answer is not a file.
    Refused,
}

impl Continuation {
    pub(super) fn range(&self) -> ByteRange {
        ByteRange::From(self.offset)
    }

    /// What the answer means.
    ///
    /// # Errors
    /// The answer is a part, but not the one that was asked for.
    pub(super) fn judge(&self, head: &ResponseHead) -> anyhow::Result<Verdict> {
        match (head.status, head.content_range()) {
            (200, _) => Ok(Verdict::Anew),
            (206, range) => match self.complete(head, range) {
                Ok(complete) => Ok(Verdict::GoOn { complete }),
                Err(error) => bail!("{error}; without -C the download starts over"),
            },
            (416, Some(ContentRange::Unsatisfied { complete }))
                if complete == self.offset && self.validator.matches(head) == Some(true) =>
            {
                Ok(Verdict::Whole)
            }
            (416, _) => Ok(Verdict::Ask),
            _ => Ok(Verdict::Refused),
        }
    }

    /// The length of the file whose rest the answer is.
    fn complete(&self, head: &ResponseHead, range: Option<ContentRange>) -> anyhow::Result<u64> {
        let asked = self.range();
        let complete = match range {
            Some(ContentRange::Part {
                first,
                last,
                complete: Some(complete),
            }) if first == self.offset && last == complete - 1 => complete,
            _ => bail!(
                "the server answered {asked} with another part (content-range: {})",
                head.field("content-range").unwrap_or("none")
            ),
        };
        ensure!(
            self.validator.matches(head) != Some(false),
            "the server answered {asked} with a part of another version"
        );
        let len = complete - self.offset;
        ensure!(
            head.content_length.is_none_or(|length| length == len),
            "the server answered {asked} with a part whose content-length contradicts its \
             content-range"
        );
        Ok(complete)
    }
}

#[cfg(test)]
mod tests {
    use super::{Continuation, ResponseHead, Verdict};

    fn continuation() -> Continuation {
        Continuation {
            offset: 5,
            validator: "\"v1\"".parse().expect("a tag"),
        }
    }

    fn judge(status: u16, fields: &[(&str, &str)]) -> Result<Verdict, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut head = ResponseHead {
            status,
            content_length: None,
            fields: fields.iter().map(owned).collect(),
        };
        let length = head.field("content-length");
        head.content_length = length.map(|length| length.parse().expect("a length"));
        let verdict = continuation().judge(&head);
        verdict.map_err(|error| error.to_string())
    }

    #[test]
    fn only_the_rest_of_the_same_version_is_gone_on_with() {
        let go_on = Ok(Verdict::GoOn { complete: 10 });
        let rest = ("content-range", "bytes 5-9/10");
        assert_eq!(judge(206, &[rest]), go_on);
        assert_eq!(judge(206, &[rest, ("etag", "\"v1\"")]), go_on);
        assert_eq!(judge(206, &[rest, ("content-length", "5")]), go_on);
        for wrong in [
            &[][..],
            &[("content-range", "bytes 4-9/10")],
            &[("content-range", "bytes 6-9/10")],
            &[("content-range", "bytes 5-8/10")],
            &[("content-range", "bytes 5-9/*")],
            &[("content-range", "bytes */5")],
            &[("content-range", "bytes 5-18446744073709551615/*")],
            &[rest, ("etag", "\"v2\"")],
            &[rest, ("etag", "W/\"v1\"")],
            &[rest, ("content-length", "10")],
        ] {
            let error = judge(206, wrong).expect_err("refused");
            assert!(
                error.contains("bytes=5-") && error.contains("-C"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_there_is_whole_only_if_the_server_says_so_of_this_version() {
        let all = ("content-range", "bytes */5");
        let same = ("etag", "\"v1\"");
        assert_eq!(judge(416, &[all, same]), Ok(Verdict::Whole));
        for other in [
            &[all][..],
            &[all, ("etag", "\"v2\"")],
            &[same],
            &[same, ("content-range", "bytes */4")],
            &[same, ("content-range", "bytes 0-4/5")],
        ] {
            assert_eq!(judge(416, other), Ok(Verdict::Ask), "{other:?}");
        }
        assert_eq!(judge(200, &[same]), Ok(Verdict::Anew));
        for status in [204, 301, 404, 412, 503] {
            assert_eq!(judge(status, &[all, same]), Ok(Verdict::Refused));
        }
    }
}

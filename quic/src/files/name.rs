//! `Name`: a request's `:path`, decoded.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// Characters to encode in a path (RFC 3986, section 3.3).
const NOT_IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// Characters to encode in a query; a `%` in it belongs to an encoding.
const NOT_IN_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\');

/// The one name with a dot that is always served (RFC 8615).
const WELL_KNOWN: &[u8] = b".well-known";

/// A path below the root, percent-decoded once, without a leading slash.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name<'a> {
    bytes: Vec<u8>,
    /// As received, without the `?`.
    query: Option<&'a str>,
}

impl<'a> Name<'a> {
    /// `None` if it can't be a file's name.
    pub(super) fn parse(request_path: &'a str) -> Option<Self> {
        let target = request_path.split('#').next().unwrap_or_default();
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        // A leading decoded slash would make the path absolute.
        let bytes: Vec<u8> = percent_decode_str(path)
            .skip_while(|byte| *byte == b'/')
            .collect();
        (!bytes.contains(&0)).then_some(Self { bytes, query })
    }

    pub(super) fn path(&self) -> &Path {
        match self.bytes.as_slice() {
            [] => Path::new("."),
            bytes => Path::new(OsStr::from_bytes(bytes)),
        }
    }

    /// Whether it ends in a slash, as a directory's path must for relative links to work.
    pub(super) fn ends_as_directory(&self) -> bool {
        matches!(self.bytes.as_slice(), [] | [.., b'/'])
    }

    /// Whether any part of it begins with a dot, except for `.well-known` in the root.
    pub(super) fn is_hidden(&self) -> bool {
        let parts = self.bytes.split(|byte| *byte == b'/').enumerate();
        parts
            .filter(|(at, part)| !(*at == 0 && *part == WELL_KNOWN))
            .any(|(_, part)| part.starts_with(b".") && !matches!(part, b"." | b".."))
    }

    /// The path to redirect to if this is a directory. It begins with exactly one slash: after two,
    /// the next part would be a host name.
    pub(super) fn with_slash(&self) -> String {
        let mut location = format!("/{}/", percent_encode(&self.bytes, NOT_IN_PATH));
        if let Some(query) = self.query {
            location.push('?');
            location.extend(percent_encode(query.as_bytes(), NOT_IN_QUERY));
        }
        location
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_names() {
        for (path, hidden) in [
            ("/", false),
            ("/.", false),
            ("/a/../b/./c", false),
            ("/a.b/c.", false),
            ("/.git/config", true),
            ("/%2egit/config", true),
            ("//.env", true),
            ("/a/.env", true),
            ("/...", true),
            ("/..a", true),
            ("/.well-known/acme-challenge/x", false),
            ("/.well-known/.env", true),
            ("/a/.well-known/x", true),
            ("/a/../.well-known/x", true),
            ("/.well-known.bak", true),
        ] {
            assert_eq!(Name::parse(path).unwrap().is_hidden(), hidden, "{path}");
        }
    }

    #[test]
    fn a_location_is_on_the_same_host() {
        for (path, location) in [
            ("/sub", "/sub/"),
            ("/sub?a=b&c#d", "/sub/?a=b&c"),
            ("/sub?", "/sub/?"),
            ("//evil.test/sub", "/evil.test/sub/"),
            ("/%2f/evil.test", "/evil.test/"),
            ("/\\evil.test", "/%5Cevil.test/"),
            ("/a%20b%0d%0ax?\r\ny", "/a%20b%0D%0Ax/?%0D%0Ay"),
            ("/%2541%3f", "/%2541%3F/"),
        ] {
            assert_eq!(Name::parse(path).unwrap().with_slash(), location, "{path}");
        }
        assert_eq!(Name::parse("/a%00b"), None);
    }
}

//! `Accepted`: the content codings that a client accepts, by weight (RFC 9110, section 12.5.3).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A coding that a neighbour of a file may have, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// RFC 7932.
    Brotli,
    /// RFC 9659. It limits the window to 8 MiB, which is not checked here.
    Zstd,
    /// RFC 1952.
    Gzip,
}

impl Encoding {
    /// All of them, best first.
    pub(crate) const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// The coding's name in header fields.
    pub(crate) fn coding(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// The suffix of such files' names.
    fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
        }
    }

    /// The name of a file's neighbour with this encoding.
    pub(super) fn of_neighbour(self, file: &Path) -> PathBuf {
        let mut name = OsString::from(file);
        name.push(self.suffix());
        name.into()
    }

    /// Whether a file's name is that of an encoded file, for which no neighbours are looked up.
    pub(super) fn is_of(file: &Path) -> bool {
        let name = file.as_os_str().as_encoded_bytes();
        let mut suffixes = Self::ALL.into_iter().map(Self::suffix);
        suffixes.any(|suffix| name.ends_with(suffix.as_bytes()))
    }
}

/// A weight in thousandths; 0 refuses.
type Weight = u16;

/// The weight if none is given.
const FULL: Weight = 1000;

/// A request's `Accept-Encoding`, all field lines together.
///
/// Invalid members are skipped; at worst the client gets the unencoded file. A coding that is
/// listed twice has the lower weight.
#[derive(Clone, Debug, Default)]
pub(super) struct Accepted {
    /// In the order of [`Encoding::ALL`].
    named: [Option<Weight>; 3],
    identity: Option<Weight>,
    /// The weight of `*`: all codings that are not listed.
    others: Option<Weight>,
}

impl Accepted {
    /// Adds a field line.
    pub(super) fn add(&mut self, line: &[u8]) {
        for member in line.split(|byte| *byte == b',') {
            if let Some((coding, weight)) = member_of_list(member) {
                self.take(coding, weight);
            }
        }
    }

    fn take(&mut self, coding: &[u8], weight: Weight) {
        let is = |name: &str| coding.eq_ignore_ascii_case(name.as_bytes());
        let slot = if is("br") {
            &mut self.named[0]
        } else if is("zstd") {
            &mut self.named[1]
        } else if is("gzip") || is("x-gzip") {
            &mut self.named[2]
        } else if is("identity") {
            &mut self.identity
        } else if is("*") {
            &mut self.others
        } else {
            return;
        };
        *slot = Some(slot.map_or(weight, |before| before.min(weight)));
    }

    /// The encodings that the client prefers to the unencoded file, best first: by weight, then in
    /// the order of [`Encoding::ALL`]. At equal weight an encoding is preferred, because it is
    /// shorter.
    pub(super) fn wanted(&self) -> impl Iterator<Item = Encoding> + use<> {
        let plain = self.identity.or(self.others).unwrap_or(0);
        let weight = |at: usize| self.named[at].or(self.others).unwrap_or(0);
        let mut weighed = [0, 1, 2].map(|at| (weight(at), Encoding::ALL[at]));
        weighed.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let is_wanted = move |(weight, _): &(Weight, _)| *weight > 0 && *weight >= plain;
        weighed.into_iter().filter(is_wanted).map(|(_, it)| it)
    }

    /// Whether the client refuses the unencoded file.
    pub(super) fn refuses_plain(&self) -> bool {
        self.identity.or(self.others) == Some(0)
    }
}

/// `coding [ OWS ";" OWS "q=" qvalue ]`; `None` for anything else.
fn member_of_list(member: &[u8]) -> Option<(&[u8], Weight)> {
    let mut parts = member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let coding = parts.next()?;
    let weight = match parts.next() {
        None => FULL,
        Some([b'q' | b'Q', b'=', value @ ..]) => qvalue(value)?,
        Some(_) => return None,
    };
    parts.next().is_none().then_some((coding, weight))
}

/// RFC 9110, section 12.4.2: 0 to 1, with up to three digits after the point.
fn qvalue(text: &[u8]) -> Option<Weight> {
    let (whole, digits) = match text {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', digits @ ..] if digits.len() <= 3 => (whole, digits),
        _ => return None,
    };
    let mut weight = Weight::from(whole - b'0');
    for at in 0..3 {
        let digit = digits.get(at).copied().unwrap_or(b'0');
        if !digit.is_ascii_digit() {
            return None;
        }
        weight = weight * 10 + Weight::from(digit - b'0');
    }
    (weight <= FULL).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(lines: &[&str]) -> Accepted {
        let mut accepted = Accepted::default();
        for line in lines {
            accepted.add(line.as_bytes());
        }
        accepted
    }

    #[test]
    fn the_best_comes_first() {
        for (lines, wanted) in [
            (&[][..], ""),
            (&[""], ""),
            (&["gzip"], "gzip"),
            (&["gzip, deflate, br, zstd"], "br zstd gzip"),
            (&["gzip", "br"], "br gzip"),
            (&["gzip;q=1.0, br;q=0.9, zstd;q=0.95"], "gzip zstd br"),
            (&["GZIP ; Q=0.5,\tx-gzip"], "gzip"),
            (&["*"], "br zstd gzip"),
            (&["*;q=0.1"], "br zstd gzip"),
            (&["*, br;q=0"], "zstd gzip"),
            (&["gzip, *;q=0"], "gzip"),
            (&["*;q=0.5, gzip;q=0.8"], "gzip br zstd"),
            // The unencoded file is preferred.
            (&["identity"], ""),
            (&["identity, gzip;q=0.5"], ""),
            (&["identity;q=0.5, gzip;q=0.4, br;q=0.6"], "br"),
            (&["gzip;q=0.4, *;q=0.5"], "br zstd"),
            (&["identity;q=0.5, gzip;q=0.5"], "gzip"),
            (&["identity;q=0, gzip;q=0.001"], "gzip"),
            // Of two, the lower.
            (&["gzip, gzip;q=0"], ""),
            (&["gzip;q=0", "gzip"], ""),
            (&["deflate, compress, snappy"], ""),
        ] {
            let found: Vec<_> = accepted(lines).wanted().map(Encoding::coding).collect();
            assert_eq!(found.join(" "), wanted, "{lines:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        for line in [
            "gzip;q=",
            "gzip;q=2",
            "gzip;q=1.001",
            "gzip;q=0.0001",
            "gzip;q=.5",
            "gzip;q=-1",
            "gzip;q=0,5",
            "gzip;level=9",
            "gzip;q=1;q=1",
            "gzip; q = 1",
            "gz ip",
            ";q=1",
            "\u{e9}",
        ] {
            assert_eq!(accepted(&[line]).wanted().count(), 0, "{line}");
            let with_another = format!(",, {line} ,br;q=0.5,");
            let wanted: Vec<_> = accepted(&[&with_another]).wanted().collect();
            assert_eq!(wanted, [Encoding::Brotli], "{line}");
        }
        for line in ["gzip;q=1.", "gzip;q=1.000", "gzip;q=0.001"] {
            assert_eq!(accepted(&[line]).wanted().count(), 1, "{line}");
        }
        let mut garbage = Accepted::default();
        garbage.add(&[0xff, b',', 0, b';', b'q', b'=']);
        assert_eq!(garbage.wanted().count(), 0);
    }

    #[test]
    fn a_file_as_it_is_can_be_refused() {
        for (line, refused) in [
            ("", false),
            ("gzip", false),
            ("identity;q=0", true),
            ("*;q=0", true),
            ("*;q=0, identity;q=0.001", false),
            ("identity;q=0, *", true),
            ("gzip;q=0", false),
        ] {
            assert_eq!(accepted(&[line]).refuses_plain(), refused, "{line}");
        }
    }

    #[test]
    fn neighbours_have_names() {
        let of = |encoding: Encoding| encoding.of_neighbour(Path::new("a/x.js"));
        let names = Encoding::ALL.map(of);
        assert_eq!(
            names,
            ["a/x.js.br", "a/x.js.zst", "a/x.js.gz"].map(PathBuf::from)
        );
        assert!(names.iter().all(|name| Encoding::is_of(name)));
        assert!(!Encoding::is_of(Path::new("a.gz/x.js")));
    }
}

//! Where this machine gets its Debian packages from: read from apt's own configuration, so that no host is named here.
//! References: sources.list(5), os-release(5).

use std::fs;
use std::path::{Path, PathBuf};

/// One archive in one suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    uri: String,
    suite: String,
    /// A file of keys, where the machine names one.
    signed_by: Option<String>,
}

/// The machine's release, and where its packages come from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sources {
    /// Its name, such as `bookworm`.
    pub(super) release: String,
    /// Its own first, then those of newer packages.
    all: Vec<Source>,
}

impl Sources {
    /// Those of this machine, with its backports and those of `newer`.
    pub(super) fn find(newer: &[&str]) -> Result<Self, String> {
        let release = release().ok_or(
            "needs Debian 12 (bookworm) or later: there is no VERSION_CODENAME in os-release",
        )?;
        let own = files()
            .into_iter()
            .filter_map(|file| {
                let text = fs::read_to_string(&file).ok()?;
                Some((file, text))
            })
            .flat_map(|(file, text): (PathBuf, String)| {
                if file.extension().is_some_and(|ending| ending == "sources") {
                    deb822(&text)
                } else {
                    one_line(&text)
                }
            });
        Self::of(&release, own, newer)
    }

    /// Of all that apt knows, what is of this release; others' archives have suites of other names.
    fn of(
        release: &str,
        known: impl Iterator<Item = Source>,
        newer: &[&str],
    ) -> Result<Self, String> {
        let is_ours = |suite: &str| {
            let rest = suite.strip_prefix(release);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '/']))
        };
        let mut all: Vec<Source> = known.filter(|source| is_ours(&source.suite)).collect();
        let main = all.iter().find(|source| source.suite == release).cloned();
        let main = main.ok_or_else(|| {
            format!("needs Debian's own archive among apt's sources: none has the suite {release}")
        })?;
        let backports = backports(release);
        for suite in [backports.as_str()].iter().chain(newer) {
            if !all.iter().any(|source| source.suite == *suite) {
                let suite = (*suite).to_owned();
                all.push(Source {
                    suite,
                    ..main.clone()
                });
            }
        }
        Ok(Self {
            release: release.to_owned(),
            all,
        })
    }

    /// As a file in the format deb822.
    pub(super) fn to_deb822(&self) -> String {
        let stanza = |source: &Source| {
            let signed = source.signed_by.as_ref();
            let signed = signed.map_or(String::new(), |keys| format!("Signed-By: {keys}\n"));
            let (uri, suite) = (&source.uri, &source.suite);
            format!("Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main\n{signed}\n")
        };
        self.all.iter().map(stanza).collect()
    }
}

/// The suite of packages from the next release, built for this one.
pub(super) fn backports(release: &str) -> String {
    format!("{release}-backports")
}

fn release() -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(|name| name.trim_matches('"').to_owned())
}

fn files() -> Vec<PathBuf> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    let parts = fs::read_dir(Path::new("/etc/apt/sources.list.d"));
    files.extend(
        parts
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path()),
    );
    files.sort();
    files
}

/// Each URI with each suite of a stanza that has packages of the component main.
fn deb822(text: &str) -> Vec<Source> {
    let text: String = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut sources = Vec::new();
    for stanza in text.split("\n\n") {
        let field = |name: &str| {
            stanza
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(field, _)| field.eq_ignore_ascii_case(name))
                .map_or("", |(_, value)| value.trim())
        };
        let has = |name, word| field(name).split_whitespace().any(|it| it == word);
        if !has("Types", "deb") || !has("Components", "main") || has("Enabled", "no") {
            continue;
        }
        // A key may also stand in the stanza itself, over several lines; apt then finds the machine's own.
        let keys = field("Signed-By");
        let signed_by = keys.starts_with('/').then(|| keys.to_owned());
        for uri in field("URIs").split_whitespace() {
            for suite in field("Suites").split_whitespace() {
                sources.push(Source {
                    uri: uri.to_owned(),
                    suite: suite.to_owned(),
                    signed_by: signed_by.clone(),
                });
            }
        }
    }
    sources
}

/// Lines such as `deb [signed-by=/a/file] http://archive/debian bookworm main`.
fn one_line(text: &str) -> Vec<Source> {
    let parse = |line: &str| {
        let rest = line.trim().strip_prefix("deb ")?.trim();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => ("", rest),
        };
        let mut words = rest.split_whitespace();
        let (uri, suite) = (words.next()?, words.next()?);
        let signed_by = options
            .split_whitespace()
            .find_map(|option| option.strip_prefix("signed-by="));
        words.any(|component| component == "main").then(|| Source {
            uri: uri.to_owned(),
            suite: suite.to_owned(),
            signed_by: signed_by.map(str::to_owned),
        })
    };
    text.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::{Source, Sources, deb822, one_line};

    fn source(uri: &str, suite: &str, signed_by: Option<&str>) -> Source {
        Source {
            uri: uri.to_owned(),
            suite: suite.to_owned(),
            signed_by: signed_by.map(str::to_owned),
        }
    }

    #[test]
    fn both_formats_are_read() {
        let text = "\
Types: deb deb-src
# A remark.
URIs: http://one.test/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /keys/debian.gpg

Types: deb-src
URIs: http://source.test/
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://off.test/
Suites: bookworm
Components: main
";
        let keys = Some("/keys/debian.gpg");
        let expected = [
            source("http://one.test/debian", "bookworm", keys),
            source("http://one.test/debian", "bookworm-updates", keys),
        ];
        assert_eq!(deb822(text), expected);
        let text = "\
# deb http://off.test/ bookworm main
deb [arch=amd64 signed-by=/keys/debian.gpg] http://one.test/debian bookworm main
deb http://one.test/debian bookworm contrib
deb-src http://one.test/debian bookworm main
deb http://two.test/debian bookworm-updates non-free main
";
        let expected = [
            source("http://one.test/debian", "bookworm", keys),
            source("http://two.test/debian", "bookworm-updates", None),
        ];
        assert_eq!(one_line(text), expected);
    }

    #[test]
    fn the_archive_of_the_release_gives_the_backports() {
        let known = [
            source("http://vendor.test/", "sdk-bookworm", None),
            source("http://one.test/debian", "bookworm", None),
            source("http://safe.test/", "bookworm-security", None),
        ];
        let found = Sources::of("bookworm", known.clone().into_iter(), &["later-backports"]);
        let text = found.unwrap().to_deb822();
        assert!(!text.contains("vendor"), "{text}");
        assert!(text.contains("safe.test"), "{text}");
        for suite in ["bookworm-backports", "later-backports"] {
            let stanza = format!("URIs: http://one.test/debian\nSuites: {suite}\n");
            assert!(text.contains(&stanza), "{text}");
        }
        let error = Sources::of("trixie", known.into_iter(), &[]).unwrap_err();
        assert!(error.contains("suite trixie"), "{error}");
    }
}

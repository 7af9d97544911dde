//! `Peer`: a stack, and how its ends are started.

use std::env;
use std::path::{Path, PathBuf};

use crate::case::{Case, Demand};
use crate::setting::{Protocol, Role, Url};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Peer {
    Xskit,
    /// With h3, both from crates.io.
    Quinn,
    /// In Python, from PyPI. `INTEROP_PYTHON` is an interpreter that has it.
    Aioquic,
    /// Over GnuTLS, from Debian (`gtlsclient`, `gtlsserver`).
    Ngtcp2,
}

/// The folders and files of a bout.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) www: PathBuf,
    pub(crate) certs: PathBuf,
    pub(crate) downloads: PathBuf,
    /// For an end's own state.
    pub(crate) scratch: PathBuf,
    pub(crate) keylog: PathBuf,
}

const AIOQUIC: &str = include_str!("aioquic_endpoint.py");

/// A cipher list of GnuTLS with ChaCha20 alone.
const ONLY_CHACHA20: &str =
    "--ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305";

/// As ours.
const PATIENT: [&str; 2] = ["--handshake-timeout=120s", "--timeout=120s"];

impl Peer {
    pub(crate) const ALL: [Self; 4] = [Self::Quinn, Self::Aioquic, Self::Ngtcp2, Self::Xskit];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Xskit => "xskit",
            Self::Quinn => "quinn",
            Self::Aioquic => "aioquic",
            Self::Ngtcp2 => "ngtcp2",
        }
    }

    /// The program missing on this machine, and how to get it.
    pub(crate) fn missing(self) -> Option<&'static str> {
        let is_there = |program: &str| {
            let folders = env::var_os("PATH").unwrap_or_default();
            env::split_paths(&folders).any(|folder| folder.join(program).is_file())
                || Path::new("/usr/sbin").join(program).is_file()
        };
        match self {
            Self::Xskit | Self::Quinn => None,
            Self::Aioquic => env::var_os("INTEROP_PYTHON")
                .is_none()
                .then_some("needs `cargo xtask setup --interop` (Debian: python3-venv)"),
            Self::Ngtcp2 => (!is_there("gtlsclient") || !is_there("gtlsserver")).then_some(
                "needs gtlsclient and gtlsserver (Debian: ngtcp2-client, ngtcp2-server)",
            ),
        }
    }

    /// The protocol of a case. ngtcp2 has only HTTP/3.
    pub(crate) fn protocol(self, case: &Case) -> Protocol {
        match (self, case.name) {
            (Self::Ngtcp2, _) | (_, "http3") => Protocol::Http3,
            _ => Protocol::Hq,
        }
    }

    /// Why it cannot run a case; others report it when they are started.
    pub(crate) fn lacks(self, role: Role, case: &Case) -> Option<&'static str> {
        match (self, role, case.demand) {
            (Self::Xskit, Role::Client, Demand::VersionNegotiation) => {
                Some("our client begins with version 1")
            }
            (Self::Xskit, Role::Client, Demand::ChaCha20) => {
                Some("BoringSSL offers all its ciphers")
            }
            (Self::Xskit, Role::Client, Demand::KeyUpdate) => {
                Some("quiche follows updates of keys, and begins none")
            }
            _ => None,
        }
    }

    /// The server's command line.
    pub(crate) fn server(self, case: &Case, places: &Places, port: u16) -> Vec<String> {
        if self != Self::Ngtcp2 {
            return self.endpoint(places);
        }
        let mut words = words(&["gtlsserver", "--quiet", PATIENT[0], PATIENT[1]]);
        words.push(format!("--htdocs={}", places.www.display()));
        if case.demand == Demand::Retry {
            words.push("--validate-addr".to_owned());
        }
        let at = |name: &str| places.certs.join(name).display().to_string();
        let address = match case.demand {
            Demand::Ipv6 => "::1",
            _ => "127.0.0.1",
        };
        words.extend([address.to_owned(), port.to_string()]);
        words.extend([at("priv.key"), at("cert.pem")]);
        words
    }

    /// The client's command lines, one after the other.
    pub(crate) fn client(self, case: &Case, places: &Places, urls: &[Url]) -> Vec<Vec<String>> {
        if self != Self::Ngtcp2 {
            return vec![self.endpoint(places)];
        }
        let connections: Vec<&[Url]> = match (case.client, case.demand) {
            ("multiconnect", _) => urls.chunks(1).collect(),
            (_, Demand::Resumption | Demand::ZeroRtt) => {
                let (first, rest) = urls.split_at(1.min(urls.len()));
                vec![first, rest]
            }
            _ => vec![urls],
        };
        let line = |urls: &&[Url]| gtlsclient(case, places, urls);
        connections.iter().map(line).collect()
    }

    /// The command line of an end that reads the runner's environment.
    fn endpoint(self, places: &Places) -> Vec<String> {
        let this = env::current_exe().unwrap_or_else(|_| "interop".into());
        let this = this.display().to_string();
        match self {
            Self::Aioquic => {
                let script = places.scratch.join("aioquic_endpoint.py");
                // Without it the end fails to start.
                let _ = std::fs::write(&script, AIOQUIC);
                let python = env::var("INTEROP_PYTHON").unwrap_or("python3".to_owned());
                vec![python, script.display().to_string()]
            }
            Self::Quinn => vec![this, "quinn".to_owned()],
            Self::Xskit | Self::Ngtcp2 => vec![this, "endpoint".to_owned()],
        }
    }
}

fn gtlsclient(case: &Case, places: &Places, urls: &[Url]) -> Vec<String> {
    let mut line = words(&[
        "gtlsclient",
        "--quiet",
        "--no-quic-dump",
        "--no-http-dump",
        "--exit-on-all-streams-close",
        PATIENT[0],
        PATIENT[1],
    ]);
    line.push(format!("--download={}", places.downloads.display()));
    match case.demand {
        Demand::VersionNegotiation => {
            line.extend(words(&["--version=0x1a2a3a4a", "--preferred-versions=v1"]));
        }
        Demand::ChaCha20 => line.push(ONLY_CHACHA20.to_owned()),
        Demand::KeyUpdate => line.push("--key-update=100ms".to_owned()),
        Demand::Resumption | Demand::ZeroRtt => {
            for (option, file) in [("session", "session"), ("tp", "parameters")] {
                let file = places.scratch.join(file);
                line.push(format!("--{option}-file={}", file.display()));
            }
            if case.demand == Demand::Resumption {
                line.push("--disable-early-data".to_owned());
            }
        }
        _ => {}
    }
    if let Some(url) = urls.first() {
        let host = url.host.trim_matches(['[', ']']);
        line.extend([host.to_owned(), url.port.to_string()]);
    }
    line.extend(urls.iter().map(Url::text));
    line
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

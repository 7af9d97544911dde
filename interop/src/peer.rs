//! `Peer`: a stack, and how its ends are started.

use std::env;
use std::path::Path;

use crate::case::{Case, Demand};
use crate::setting::{Role, Url, connections};

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

/// The folders of a bout within one of its own. The last is for an end's own state.
pub(crate) const FOLDERS: [&str; 4] = ["www", "certs", "downloads", "scratch"];

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
    pub(crate) fn server(self, case: &Case, folder: &Path, port: u16) -> Vec<String> {
        if self != Self::Ngtcp2 {
            return self.endpoint(folder);
        }
        let mut words = words(&["gtlsserver", "--quiet", PATIENT[0], PATIENT[1]]);
        words.push(format!("--htdocs={}", folder.join("www").display()));
        if case.demand == Demand::Retry {
            words.push("--validate-addr".to_owned());
        }
        let at = |name: &str| folder.join("certs").join(name).display().to_string();
        let address = match case.demand {
            Demand::Ipv6 => "::1",
            _ => "127.0.0.1",
        };
        words.extend([address.to_owned(), port.to_string()]);
        words.extend([at("priv.key"), at("cert.pem")]);
        words
    }

    /// The client's command lines, one after the other.
    pub(crate) fn client(self, case: &Case, folder: &Path, urls: &[Url]) -> Vec<Vec<String>> {
        if self != Self::Ngtcp2 {
            return vec![self.endpoint(folder)];
        }
        let connections = connections(case.client, urls);
        let line = |urls: &&[Url]| gtlsclient(case, folder, urls);
        connections.iter().map(line).collect()
    }

    /// The command line of an end that reads the runner's environment.
    fn endpoint(self, folder: &Path) -> Vec<String> {
        let this = env::current_exe().unwrap_or_else(|_| "interop".into());
        let this = this.display().to_string();
        match self {
            Self::Aioquic => {
                let script = folder.join("scratch").join("aioquic_endpoint.py");
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

fn gtlsclient(case: &Case, folder: &Path, urls: &[Url]) -> Vec<String> {
    let mut line = words(&[
        "gtlsclient",
        "--quiet",
        "--no-quic-dump",
        "--no-http-dump",
        "--exit-on-all-streams-close",
        PATIENT[0],
        PATIENT[1],
    ]);
    line.push(format!("--download={}", folder.join("downloads").display()));
    match case.demand {
        Demand::VersionNegotiation => {
            line.extend(words(&["--version=0x1a2a3a4a", "--preferred-versions=v1"]));
        }
        Demand::ChaCha20 => line.push(ONLY_CHACHA20.to_owned()),
        Demand::KeyUpdate => line.push("--key-update=100ms".to_owned()),
        Demand::Resumption | Demand::ZeroRtt => {
            for (option, file) in [("session", "session"), ("tp", "parameters")] {
                let file = folder.join("scratch").join(file);
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

//! `Setting`: the runner's environment variables and folders.
//!
//! The runner's own: `ROLE`, `TESTCASE`, `REQUESTS`, `SSLKEYLOGFILE`, `QLOGDIR`, and the folders
//! `/www`, `/certs` and `/downloads`. Ours, for two endpoints on one machine: `WWW`, `CERTS`,
//! `DOWNLOADS`, `LISTEN`, and `ALPN` for a peer that has only HTTP/3.

use std::env;
use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use xskit_quic::client::Trust;

/// How long an end waits for the other one, in a handshake or silent. With 30 % of datagrams lost,
/// doubling timers soon wait for half of that.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    Client,
    Server,
}

/// The protocol on QUIC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protocol {
    Http3,
    /// HTTP/0.9: a line `GET /path`, answered by bytes.
    Hq,
}

impl Protocol {
    /// Its name for ALPN.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Http3 => "h3",
            Self::Hq => "hq-interop",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) role: Role,
    pub(crate) case: String,
    pub(crate) protocol: Protocol,
    pub(crate) requests: Vec<Url>,
    pub(crate) www: PathBuf,
    pub(crate) certs: PathBuf,
    pub(crate) downloads: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) keylog: Option<PathBuf>,
    pub(crate) qlog: Option<PathBuf>,
}

/// Where a file is.
#[derive(Clone, Debug)]
pub(crate) struct Url {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
}

impl Setting {
    pub(crate) fn from_environment() -> anyhow::Result<Self> {
        let of = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let folder = |name, default: &str| PathBuf::from(of(name).unwrap_or(default.to_owned()));
        let role = match of("ROLE").as_deref() {
            Some("client") => Role::Client,
            Some("server") => Role::Server,
            other => bail!("ROLE is {other:?}; it must be client or server"),
        };
        let case = of("TESTCASE").context("TESTCASE is not set: the runner's name of a case")?;
        let protocol = match of("ALPN").as_deref() {
            Some("h3") => Protocol::Http3,
            Some("hq-interop") => Protocol::Hq,
            Some(other) => bail!("ALPN is {other:?}; it must be h3 or hq-interop"),
            None if case == "http3" => Protocol::Http3,
            None => Protocol::Hq,
        };
        let requests = of("REQUESTS").unwrap_or_default();
        let listen = match of("LISTEN") {
            Some(address) => address.parse().context("LISTEN is no ADDRESS:PORT")?,
            None => (Ipv6Addr::UNSPECIFIED, 443).into(),
        };
        Ok(Self {
            role,
            case,
            protocol,
            requests: requests
                .split_whitespace()
                .map(Url::parse)
                .collect::<Result<_, _>>()?,
            www: folder("WWW", "/www"),
            certs: folder("CERTS", "/certs"),
            downloads: folder("DOWNLOADS", "/downloads"),
            listen,
            keylog: of("SSLKEYLOGFILE").map(PathBuf::from),
            qlog: of("QLOGDIR").map(PathBuf::from),
        })
    }

    pub(crate) fn chain(&self) -> PathBuf {
        self.certs.join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.certs.join("priv.key")
    }

    /// The runner's authority, if its certificate is there.
    pub(crate) fn trust(&self) -> Trust {
        let authority = self.certs.join("ca.pem");
        match authority.is_file() {
            true => Trust::File(authority),
            false => Trust::Anyone,
        }
    }

    /// Writes the content downloaded by a request.
    pub(crate) fn save(&self, request: &Url, content: &[u8]) -> anyhow::Result<()> {
        let path = self.downloads.join(request.name()?);
        std::fs::write(&path, content).with_context(|| format!("writing {}", path.display()))
    }

    /// The server of the requests, the same for all.
    pub(crate) fn server(&self) -> anyhow::Result<&Url> {
        let first = self.requests.first().context("REQUESTS has no URL")?;
        let is_same = |url: &Url| url.host == first.host && url.port == first.port;
        ensure!(
            self.requests.iter().all(is_same),
            "REQUESTS are of several servers"
        );
        Ok(first)
    }
}

impl Url {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let uri: http::Uri = text
            .parse()
            .with_context(|| format!("{text:?} is no URL"))?;
        let host = uri.host().context("a URL without a host")?;
        Ok(Self {
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(443),
            path: uri.path().to_owned(),
        })
    }

    /// The file's.
    pub(crate) fn name(&self) -> anyhow::Result<&str> {
        file_name(&self.path).with_context(|| format!("{} names no file", self.path))
    }

    pub(crate) fn text(&self) -> String {
        format!("https://{}:{}{}", self.host, self.port, self.path)
    }

    pub(crate) fn resolve(&self) -> anyhow::Result<SocketAddr> {
        let host = self.host.trim_matches(['[', ']']);
        let mut addresses = (host, self.port)
            .to_socket_addrs()
            .with_context(|| format!("looking up {host}"))?;
        addresses
            .next()
            .with_context(|| format!("{host} has no address"))
    }
}

/// The name in `/name`: files lie in one folder.
pub(crate) fn file_name(path: &str) -> Option<&str> {
    let name = path.strip_prefix('/')?;
    let is_name = Path::new(name).file_name().is_some_and(|file| file == name);
    is_name.then_some(name)
}

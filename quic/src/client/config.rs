//! `ClientConfig`: whom to talk to, and whom to believe.

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use boring::ssl::{SslContext, SslContextBuilder, SslMethod};
use boring::x509::X509;

use super::acks::AckPolicy;
use super::ticket::{Ticket, Whom};
use crate::diagnostics::Diagnostics;
use crate::error::SetupError;
use crate::transport::TransportConfig;

/// Which certificates a client believes.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The authorities that the system trusts.
    System,
    /// Only the certificates in this PEM file (`--ca`).
    File(PathBuf),
    /// Only the certificates in this PEM text.
    Pem(String),
    /// Any certificate at all (`--insecure`): whoever is on the path can read and change
    /// everything.
    Anyone,
}

/// A client's configuration. Make one with [`ClientConfig::new`], then change what differs.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Host name or IP address that the server's certificate must be for. An IP address is
    /// looked for among the certificate's IP names, and not sent as SNI.
    pub server_name: String,
    /// What requests carry as `:authority`: the URL's host, with the port unless it is 443.
    pub authority: String,
    /// Which certificates to believe.
    pub trust: Trust,
    /// QUIC settings.
    pub transport: TransportConfig,
    /// How long to wait for the server to finish the handshake.
    pub handshake_timeout: Duration,
    /// How long a request may make no progress: the server takes nothing of its body and nothing of
    /// its response comes, though the connection lives. While the application leaves unread what
    /// came, or writes nothing of a streamed body, that doesn't count.
    pub progress_timeout: Duration,
    /// How many datagrams one acknowledgement may stand for.
    pub acks: AckPolicy,
    /// What is written of the connection for diagnosis.
    pub diagnostics: Diagnostics,
    /// A ticket of an earlier connection to this server ([`Client::ticket`](super::Client::ticket)), which
    /// this one then resumes: a shorter handshake, without certificates.
    pub ticket: Option<Ticket>,
    /// Whether a client with a ticket sends requests of safe methods (GET, HEAD, OPTIONS) before the
    /// handshake is done, if the server allows it (early data, 0-RTT: RFC 8470). Whoever records them can
    /// send them to the server once more, so switch this off where that matters.
    pub early_data: bool,
}

impl ClientConfig {
    /// Defaults for a server of this name on this port. The name is a host name, or an IP
    /// address (IPv6 with or without brackets).
    #[must_use]
    pub fn new(server_name: &str, port: u16, trust: Trust) -> Self {
        let bare = server_name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'))
            .filter(|name| name.parse::<Ipv6Addr>().is_ok())
            .unwrap_or(server_name);
        let host = match bare.parse() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => bare.to_owned(),
        };
        Self {
            server_name: bare.to_owned(),
            authority: match port {
                443 => host,
                port => format!("{host}:{port}"),
            },
            trust,
            transport: TransportConfig::receiver(),
            handshake_timeout: Duration::from_secs(10),
            progress_timeout: Duration::from_secs(30),
            acks: AckPolicy::default(),
            diagnostics: Diagnostics::default(),
            ticket: None,
            early_data: true,
        }
    }

    /// The server's name as TLS needs it.
    pub(super) fn name(&self) -> Result<Name<'_>, SetupError> {
        let name = self.server_name.as_str();
        if let Ok(address) = name.parse() {
            return Ok(Name::Address(address));
        }
        let label = |label: &str| {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            (1..=63).contains(&label.len()) && label.bytes().all(allowed)
        };
        let host = name.strip_suffix('.').unwrap_or(name);
        if host.len() <= 253 && host.split('.').all(label) {
            return Ok(Name::Host(host));
        }
        Err(SetupError::ServerName {
            name: name.to_owned(),
        })
    }

    /// Whom it believes to be the server.
    pub(super) fn whom(&self) -> Whom {
        let (kind, trusted): (&[u8], Option<&[u8]>) = match &self.trust {
            Trust::System => (b"system", None),
            Trust::Anyone => (b"anyone", None),
            Trust::Pem(pem) => (b"pem", Some(pem.as_bytes())),
            Trust::File(path) => (b"file", Some(path.as_os_str().as_encoded_bytes())),
        };
        let name = [self.server_name.as_bytes(), kind];
        let parts: Vec<&[u8]> = name.into_iter().chain(trusted).collect();
        Whom::of(&parts)
    }

    /// A TLS context that trusts what it should.
    pub(super) fn tls_context(&self) -> Result<SslContextBuilder, SetupError> {
        let tls = |step| move |source| SetupError::Tls { step, source };
        let mut context = SslContext::builder(SslMethod::tls()).map_err(tls("a TLS context"))?;
        match &self.trust {
            Trust::Anyone => {}
            Trust::System => context
                .set_default_verify_paths()
                .map_err(tls("the system's trusted certificates"))?,
            Trust::Pem(pem) => trust(&mut context, pem.as_bytes(), "the trusted PEM text")?,
            Trust::File(path) => {
                let pem = std::fs::read(path).map_err(|source| SetupError::TrustFile {
                    path: path.clone(),
                    source,
                })?;
                trust(&mut context, &pem, &path.display().to_string())?;
            }
        }
        Ok(context)
    }
}

/// What a certificate is checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name<'a> {
    Host(&'a str),
    Address(IpAddr),
}

fn trust(context: &mut SslContextBuilder, pem: &[u8], what: &str) -> Result<(), SetupError> {
    let none = || SetupError::TrustPem {
        what: what.to_owned(),
    };
    let certificates = X509::stack_from_pem(pem).map_err(|_| none())?;
    if certificates.is_empty() {
        return Err(none());
    }
    for certificate in certificates {
        let step = "a trusted certificate";
        context
            .cert_store_mut()
            .add_cert(certificate)
            .map_err(|source| SetupError::Tls { step, source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hosts_or_addresses() {
        let config = |name| ClientConfig::new(name, 443, Trust::Anyone);
        let address = |text: &str| Name::Address(text.parse().unwrap());
        assert_eq!(
            config("a-b.example").name().unwrap(),
            Name::Host("a-b.example")
        );
        assert_eq!(
            config("example.net.").name().unwrap(),
            Name::Host("example.net")
        );
        assert_eq!(config("192.0.2.1").name().unwrap(), address("192.0.2.1"));
        assert_eq!(
            config("[2001:db8::1]").name().unwrap(),
            address("2001:db8::1")
        );
        for bad in [
            "",
            ".",
            "a..b",
            "a b",
            "a/b",
            "a\0b",
            "[x]",
            &"a".repeat(64),
        ] {
            assert!(config(bad).name().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_authority_names_the_port_when_it_is_unusual() {
        let authority = |name, port| ClientConfig::new(name, port, Trust::Anyone).authority;
        assert_eq!(authority("example.net", 443), "example.net");
        assert_eq!(authority("example.net", 4433), "example.net:4433");
        assert_eq!(authority("2001:db8::1", 4433), "[2001:db8::1]:4433");
    }

    #[test]
    fn trust_needs_a_certificate() {
        let error = |trust| {
            let config = ClientConfig::new("h", 443, trust);
            config.tls_context().err().unwrap()
        };
        assert!(matches!(
            error(Trust::Pem("x".into())),
            SetupError::TrustPem { .. }
        ));
        let missing = Trust::File("/nonexistent/ca.pem".into());
        assert!(error(missing).to_string().contains("/nonexistent/ca.pem"));
    }
}

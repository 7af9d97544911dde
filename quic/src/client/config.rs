//! `ClientConfig`: which server to connect to, and which certificates to trust.

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

/// Which certificates a client trusts.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The authorities that the system trusts.
    System,
    /// Only the certificates in this PEM file.
    File(PathBuf),
    /// Only the certificates in this PEM text.
    Pem(String),
    /// Any certificate at all: anyone on the path can read and change everything.
    Anyone,
}

/// A client's configuration. Create one with [`ClientConfig::new`], then change fields.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The host name or IP address that the server's certificate must be for. An IP address is
    /// compared with the certificate's IP addresses, and not sent as SNI.
    pub server_name: String,
    /// The `:authority` of requests: the URL's host, with the port unless it is 443.
    pub authority: String,
    /// Which certificates to trust.
    pub trust: Trust,
    /// QUIC settings.
    pub transport: TransportConfig,
    /// The longest that a handshake may take.
    pub handshake_timeout: Duration,
    /// The longest that a request may go without progress on a live connection: the server takes
    /// nothing of its body, and nothing of the response comes. Time during which the application
    /// leaves received bytes unread, or has written nothing more of a streamed body, doesn't count.
    pub progress_timeout: Duration,
    /// How many datagrams one acknowledgement may cover.
    pub acks: AckPolicy,
    /// Key log and qlog of the connection.
    pub diagnostics: Diagnostics,
    /// A ticket of an earlier connection to this server
    /// ([`Client::ticket`](super::Client::ticket)). The new connection resumes that one: the
    /// handshake is shorter and has no certificates.
    pub ticket: Option<Ticket>,
    /// Whether a client with a ticket sends requests of safe methods (GET, HEAD, OPTIONS) before
    /// the handshake is done, if the server allows it (early data, 0-RTT: RFC 8470). An attacker
    /// can replay them to the server, so switch this off if that matters.
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

    /// The server's name, checked.
    ///
    /// # Errors
    ///
    /// [`SetupError::ServerName`] if it is neither a host name nor an IP address.
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

    /// A digest of the server's name and the trusted certificates.
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

    /// A TLS context with the configured trust.
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

/// The name that a certificate must be for.
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

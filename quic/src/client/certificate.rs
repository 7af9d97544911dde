//! `CertificateProblem`: what is wrong with a server's certificate, and what to try.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use boring::ssl::SslRef;
use boring::x509::{GeneralNameRef, X509, X509Ref, X509VerifyError};

use crate::Printable;

/// Names of a certificate that are listed; a hostile one can have thousands.
const NAMES_TOLD: usize = 10;

/// Why a server's certificate was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the certificate of {server_name} is refused: {}",
    reason(kind, server_name, detail)
)]
#[non_exhaustive]
pub struct CertificateProblem {
    /// The name it was checked against.
    pub server_name: String,
    /// What is wrong.
    pub kind: CertificateProblemKind,
    /// BoringSSL's description.
    pub detail: String,
}

/// What can be wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateProblemKind {
    /// No trusted authority has signed it.
    Untrusted,
    /// It is for other names.
    Name {
        /// The names it is for, as the certificate has them: [`Printable`] shows them safely.
        names: Vec<String>,
    },
    /// It has expired.
    Expired {
        /// Its last moment.
        until: String,
    },
    /// It is not valid yet.
    NotYetValid {
        /// Its first moment.
        from: String,
    },
    /// Something else.
    Other,
}

impl CertificateProblem {
    /// `None` if the certificate is not the problem.
    pub(super) fn of(ssl: &SslRef, leaf: Option<&[u8]>, server_name: &str) -> Option<Self> {
        let error = ssl.verify_result().err()?;
        // BoringSSL also reports an error if the server sent no certificate.
        let leaf = X509::from_der(leaf?).ok()?;
        Some(Self {
            server_name: server_name.to_owned(),
            kind: kind(error, &leaf),
            detail: error.error_string().to_owned(),
        })
    }
}

fn kind(error: X509VerifyError, leaf: &X509Ref) -> CertificateProblemKind {
    use CertificateProblemKind as Kind;
    use X509VerifyError as E;
    match error {
        E::HOSTNAME_MISMATCH | E::IP_ADDRESS_MISMATCH => Kind::Name { names: names(leaf) },
        E::CERT_HAS_EXPIRED => Kind::Expired {
            until: leaf.not_after().to_string(),
        },
        E::CERT_NOT_YET_VALID => Kind::NotYetValid {
            from: leaf.not_before().to_string(),
        },
        E::UNABLE_TO_GET_ISSUER_CERT
        | E::UNABLE_TO_GET_ISSUER_CERT_LOCALLY
        | E::UNABLE_TO_VERIFY_LEAF_SIGNATURE
        | E::DEPTH_ZERO_SELF_SIGNED_CERT
        | E::SELF_SIGNED_CERT_IN_CHAIN
        | E::CERT_SIGNATURE_FAILURE
        | E::CERT_UNTRUSTED => Kind::Untrusted,
        _ => Kind::Other,
    }
}

fn names(leaf: &X509Ref) -> Vec<String> {
    let Some(list) = leaf.subject_alt_names() else {
        return Vec::new();
    };
    list.iter().filter_map(name).collect()
}

fn name(name: &GeneralNameRef) -> Option<String> {
    if let Some(host) = name.dnsname() {
        return Some(host.to_owned());
    }
    let octets = name.ipaddress()?;
    let v4 = <[u8; 4]>::try_from(octets).map(|o| IpAddr::V4(Ipv4Addr::from(o)));
    let v6 = <[u8; 16]>::try_from(octets).map(|o| IpAddr::V6(Ipv6Addr::from(o)));
    v4.or(v6).ok().map(|address| address.to_string())
}

/// `a.test, b.test`; the first names only if there are many, and how many more there are.
fn listing(names: &[String]) -> String {
    let told = names.len().min(NAMES_TOLD);
    let (told, more) = names.split_at(told);
    match more.len() {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}

fn reason(kind: &CertificateProblemKind, server_name: &str, detail: &str) -> String {
    use CertificateProblemKind as Kind;
    match kind {
        Kind::Untrusted => format!(
            "no trusted authority has signed it ({detail}). Trust the authority that did, or anyone"
        ),
        Kind::Name { names } if names.is_empty() => format!(
            "it has no host name or address among its subject alternative names ({detail}), and its common name does \
             not count (RFC 9525). Have it issued with subjectAltName=DNS:{server_name} (IP: for an address), or trust \
             anyone"
        ),
        Kind::Name { names } => format!(
            "it is for {} ({detail}). Ask for one of those names, or trust anyone",
            Printable(&listing(names))
        ),
        Kind::Expired { until } => format!(
            "it was good until {until} ({detail}). Renew it on the server; is this machine's clock right?"
        ),
        Kind::NotYetValid { from } => {
            format!(
                "it is good only from {from} ({detail}). Are the clocks of both machines right?"
            )
        }
        Kind::Other => format!("{detail}. A client that trusts anyone accepts it all the same"),
    }
}

#[cfg(test)]
mod tests {
    use super::{CertificateProblem, CertificateProblemKind as Kind};

    fn told(names: &[&str]) -> String {
        let names = names.iter().map(ToString::to_string).collect();
        let problem = CertificateProblem {
            server_name: "a.test".to_owned(),
            kind: Kind::Name { names },
            detail: "hostname mismatch".to_owned(),
        };
        problem.to_string()
    }

    #[test]
    fn names_are_told_without_harm_and_without_end() {
        let text = told(&["b.test", "\x1b]0;gotcha\x07\r\nxskit: all is well"]);
        assert!(
            text.contains("b.test, \\u{1b}]0;gotcha\\u{7}\\u{d}\\u{a}xskit"),
            "{text}"
        );
        assert!(!text.chars().any(char::is_control), "{text:?}");
        let text = told(&["n.test"; 5000]);
        assert!(text.len() < 500 && text.contains("and 4990 more"), "{text}");
    }
}

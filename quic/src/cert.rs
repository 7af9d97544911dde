//! Certificates for trying things out: a demo authority with leaves, and self-signed ones.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

/// A certificate (or chain) and its private key, both in PEM.
#[derive(Clone)]
pub struct Pem {
    /// The certificate, "-----BEGIN CERTIFICATE-----".
    pub certificate: String,
    /// Its private key (PKCS #8), "-----BEGIN PRIVATE KEY-----".
    pub key: String,
}

impl std::fmt::Debug for Pem {
    /// Never shows the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pem")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// A certificate can't be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "can't make a certificate for {names:?}: {source}; each name must be a host name or an IP address"
)]
pub struct CertError {
    names: Vec<String>,
    source: rcgen::Error,
}

/// A certificate's period of validity.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    /// The first moment.
    pub from: SystemTime,
    /// The last moment.
    pub until: SystemTime,
}

impl Validity {
    /// From an hour ago, for peers whose clock is slow, until this many days from now.
    #[must_use]
    pub fn days(days: u32) -> Self {
        let now = SystemTime::now();
        Self {
            from: now - Duration::from_secs(3600),
            until: now + Duration::from_secs(u64::from(days) * 86_400),
        }
    }
}

/// A certificate authority that lives as long as this value: its key is never stored.
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    /// Never shows the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a new authority with a P-256 key, valid for 30 days.
    ///
    /// # Errors
    ///
    /// [`CertError`] if the key or the certificate can't be generated.
    pub fn new() -> Result<Self, CertError> {
        Self::make().map_err(|source| CertError {
            names: Vec::new(),
            source,
        })
    }

    fn make() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = params(&[], "xskit demo authority", Validity::days(30))?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            certificate,
            issuer: Issuer::new(params, key),
        })
    }

    /// The authority's certificate in PEM, for clients to trust.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Issues a server certificate for these host names and IP addresses.
    ///
    /// # Errors
    ///
    /// [`CertError`] if a name is neither a host name nor an IP address, or the key can't be
    /// generated.
    pub fn issue(&self, names: &[String], validity: Validity) -> Result<Pem, CertError> {
        self.sign(names, validity).map_err(|source| CertError {
            names: names.to_vec(),
            source,
        })
    }

    fn sign(&self, names: &[String], validity: Validity) -> Result<Pem, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = leaf(names, validity)?;
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Pem {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

/// Makes a self-signed certificate, valid for 90 days. A client must be given it as its authority,
/// or check nothing.
///
/// # Errors
///
/// [`CertError`] if a name is neither a host name nor an IP address, or the key can't be generated.
pub fn self_signed(names: &[String]) -> Result<Pem, CertError> {
    let make = || {
        let key = KeyPair::generate()?;
        let mut params = leaf(names, Validity::days(90))?;
        // With "digital signature" alone, OpenSSL and BoringSSL don't recognise it as self-signed.
        params.key_usages.clear();
        let certificate = params.self_signed(&key)?;
        Ok(Pem {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    };
    make().map_err(|source| CertError {
        names: names.to_vec(),
        source,
    })
}

fn leaf(names: &[String], validity: Validity) -> Result<CertificateParams, rcgen::Error> {
    let common_name = names.first().map_or("xskit", String::as_str);
    let mut params = params(names, common_name, validity)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn params(
    names: &[String],
    common_name: &str,
    validity: Validity,
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.not_before = validity.from.into();
    params.not_after = validity.until.into();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    Ok(params)
}

//! `Identity`: a certificate chain and its private key, checked before they are used.

use std::path::{Path, PathBuf};

use boring::pkey::{PKey, Private};
use boring::ssl::{SslContext, SslContextBuilder, SslMethod};
use boring::x509::X509;

use crate::error::SetupError;

/// A server's certificate chain, leaf first, and the leaf's private key.
#[derive(Clone)]
pub struct Identity {
    chain: Vec<X509>,
    key: PKey<Private>,
}

impl std::fmt::Debug for Identity {
    /// Never shows the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("certificates", &self.chain.len())
            .finish_non_exhaustive()
    }
}

/// A secret derived from an identity's private key.
pub(crate) type DerivedKey = [u8; 32];

/// Why a certificate and key can't be used together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The certificate file can't be read.
    #[error("can't read the certificate {path}: {source}; name a readable PEM file")]
    CertificateFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The key file can't be read.
    #[error("can't read the private key {path}: {source}; name a PEM file that this user may read")]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// There is no certificate in the PEM text.
    #[error(
        "{what} holds no certificate: it must be PEM, with \"-----BEGIN CERTIFICATE-----\", \
         the server's own certificate first and intermediate ones after it"
    )]
    NoCertificate {
        /// The file, or "the certificate" when it came from memory.
        what: String,
    },
    /// A certificate block can't be decoded.
    #[error(
        "{what} holds a PEM block that is not a valid certificate: {source}; copy the file again, \
         or have the certificate issued again"
    )]
    BadCertificate {
        /// The file, or "the certificate" when it came from memory.
        what: String,
        /// BoringSSL's own error.
        source: boring::error::ErrorStack,
    },
    /// There is no usable private key in the PEM text.
    #[error(
        "{what} holds no usable private key: {source}; it must be PEM and not encrypted, \
         \"-----BEGIN PRIVATE KEY-----\" (or EC or RSA PRIVATE KEY)"
    )]
    BadKey {
        /// The file, or "the private key" when it came from memory.
        what: String,
        /// BoringSSL's own error.
        source: boring::error::ErrorStack,
    },
    /// The key is not the certificate's.
    #[error(
        "the private key {key} does not belong to the first certificate in {certificate}: \
         give the pair that was made together, the server's own certificate first"
    )]
    Mismatch {
        /// Where the certificate came from.
        certificate: String,
        /// Where the key came from.
        key: String,
    },
}

impl Identity {
    /// Reads a PEM chain (leaf first) and a PEM private key from two files.
    ///
    /// # Errors
    ///
    /// [`IdentityError::CertificateFile`] or [`KeyFile`](IdentityError::KeyFile) if a file can't be
    /// read, and those of [`from_pem`](Self::from_pem).
    pub fn from_pem_files(certificate: &Path, key: &Path) -> Result<Self, IdentityError> {
        let chain =
            std::fs::read(certificate).map_err(|source| IdentityError::CertificateFile {
                path: certificate.to_owned(),
                source,
            })?;
        let secret = std::fs::read(key).map_err(|source| IdentityError::KeyFile {
            path: key.to_owned(),
            source,
        })?;
        let names = (certificate.display().to_string(), key.display().to_string());
        Self::parse(&chain, &secret, names.0, names.1)
    }

    /// The same from PEM texts in memory.
    ///
    /// # Errors
    ///
    /// [`IdentityError::NoCertificate`], [`BadCertificate`](IdentityError::BadCertificate) or
    /// [`BadKey`](IdentityError::BadKey) if a text doesn't hold what it should, and
    /// [`Mismatch`](IdentityError::Mismatch) if the key is not the leaf's.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let names = ("the certificate".to_owned(), "the private key".to_owned());
        Self::parse(certificate, key, names.0, names.1)
    }

    fn parse(
        certificate: &[u8],
        key: &[u8],
        certificate_name: String,
        key_name: String,
    ) -> Result<Self, IdentityError> {
        let chain =
            X509::stack_from_pem(certificate).map_err(|source| IdentityError::BadCertificate {
                what: certificate_name.clone(),
                source,
            })?;
        let Some(leaf) = chain.first() else {
            return Err(IdentityError::NoCertificate {
                what: certificate_name,
            });
        };
        let key = PKey::private_key_from_pem(key).map_err(|source| IdentityError::BadKey {
            what: key_name.clone(),
            source,
        })?;
        if !leaf.public_key().is_ok_and(|public| public.public_eq(&key)) {
            return Err(IdentityError::Mismatch {
                certificate: certificate_name,
                key: key_name,
            });
        }
        Ok(Self { chain, key })
    }

    /// The chain's certificates in DER, leaf first, for another TLS library.
    ///
    /// # Errors
    ///
    /// [`SetupError::Tls`] if BoringSSL is out of memory.
    pub fn chain_der(&self) -> Result<Vec<Vec<u8>>, SetupError> {
        let chain = self.chain.iter().map(|certificate| certificate.to_der());
        chain
            .collect::<Result<_, _>>()
            .map_err(|source| SetupError::Tls {
                step: "a certificate in DER",
                source,
            })
    }

    /// The private key in PKCS #8 (RFC 5958), in DER, for another TLS library.
    ///
    /// # Errors
    ///
    /// [`SetupError::Tls`] if BoringSSL is out of memory.
    pub fn key_der(&self) -> Result<Vec<u8>, SetupError> {
        let key = self.key.private_key_to_der_pkcs8();
        key.map_err(|source| SetupError::Tls {
            step: "the private key in PKCS #8",
            source,
        })
    }

    /// Derives a key from the private key and this label. It reveals neither the private key nor
    /// the keys of other labels, and it is the same in every process that has the private key.
    pub(crate) fn derive_key(&self, label: &[u8]) -> Result<DerivedKey, SetupError> {
        let derive = || {
            // Every type of key has this form.
            let private = self.key.private_key_to_der_pkcs8()?;
            boring::hash::hmac_sha256(&private, label)
        };
        derive().map_err(|source| SetupError::Tls {
            step: "a key that follows from the private key",
            source,
        })
    }

    /// A TLS context that presents this identity.
    pub(crate) fn tls_context(&self) -> Result<SslContextBuilder, SetupError> {
        let tls = |step| move |source| SetupError::Tls { step, source };
        let mut context = SslContext::builder(SslMethod::tls()).map_err(tls("a TLS context"))?;
        let mut chain = self.chain.iter();
        if let Some(leaf) = chain.next() {
            context
                .set_certificate(leaf)
                .map_err(tls("the certificate"))?;
        }
        for issuer in chain {
            context
                .add_extra_chain_cert(issuer.clone())
                .map_err(tls("an intermediate certificate"))?;
        }
        context
            .set_private_key(&self.key)
            .map_err(tls("the private key"))?;
        Ok(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cert;

    #[test]
    fn a_derived_key_is_the_private_keys_and_the_labels() {
        // RFC 8410, section 10.3.
        let ed25519 = "-----BEGIN PRIVATE KEY-----\n\
                       MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                       -----END PRIVATE KEY-----\n";
        let p256 = cert::self_signed(&["localhost".into()]).unwrap().key;
        for pem in [ed25519, &p256] {
            let identity = || Identity {
                chain: Vec::new(),
                key: PKey::private_key_from_pem(pem.as_bytes()).unwrap(),
            };
            let key = identity().derive_key(b"one").unwrap();
            assert_eq!(identity().derive_key(b"one").unwrap(), key);
            assert_ne!(identity().derive_key(b"two").unwrap(), key);
        }
    }

    #[test]
    fn each_mistake_has_its_own_words() {
        let dir = tempfile::tempdir().unwrap();
        let pair = cert::self_signed(&["localhost".into()]).unwrap();
        let other = cert::self_signed(&["localhost".into()]).unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let certificate = file("cert.pem", &pair.certificate);
        let key = file("key.pem", &pair.key);
        let garbage = file("garbage.pem", "hello");
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let broken = file("broken.pem", broken);
        let wrong_key = file("wrong.pem", &other.key);
        let missing = dir.path().join("missing.pem");

        assert!(Identity::from_pem_files(&certificate, &key).is_ok());
        let error = |c: &Path, k: &Path| Identity::from_pem_files(c, k).unwrap_err();
        use IdentityError as E;
        assert!(matches!(error(&missing, &key), E::CertificateFile { .. }));
        assert!(matches!(error(&certificate, &missing), E::KeyFile { .. }));
        assert!(matches!(error(&garbage, &key), E::NoCertificate { .. }));
        assert!(matches!(error(&key, &certificate), E::NoCertificate { .. }));
        assert!(matches!(error(&broken, &key), E::BadCertificate { .. }));
        assert!(matches!(error(&certificate, &garbage), E::BadKey { .. }));
        assert!(matches!(
            error(&certificate, &wrong_key),
            E::Mismatch { .. }
        ));
        assert!(
            error(&certificate, &missing)
                .to_string()
                .contains("missing.pem")
        );
    }
}

//! A certificate authority for one test. It uses rcgen by itself, so that the tests do not
//! depend on the code under test.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

/// The host name in every server certificate, beside the addresses.
pub(crate) const SERVER_NAME: &str = "server.xskit.test";

pub(crate) struct Authority {
    dir: TempDir,
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

/// The files that `xskit serve` is given.
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    /// Makes one. Of two with the same name, a client could not say which one is missing.
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap();
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::fs::write(dir.path().join("ca.pem"), certificate.pem()).unwrap();
        Self {
            dir,
            root: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for [`SERVER_NAME`] and this address, in files.
    pub(crate) fn issue(&self, address: IpAddr) -> Identity {
        let key = KeyPair::generate().unwrap();
        let names = [SERVER_NAME.to_owned(), address.to_string()];
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let identity = Identity {
            certificate: self.dir.path().join("server.pem"),
            key: self.dir.path().join("server.key"),
        };
        std::fs::write(&identity.certificate, certificate.pem()).unwrap();
        std::fs::write(&identity.key, key.serialize_pem()).unwrap();
        identity
    }

    /// For a client that trusts this authority and no other.
    pub(crate) fn trusted(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        roots
    }

    /// The folder with `ca.pem`, the authority's own certificate.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

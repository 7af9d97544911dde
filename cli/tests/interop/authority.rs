//! A certificate authority for one test. It uses rcgen by itself, so that the tests do not
//! depend on the code under test.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// The host name in every server certificate, beside the addresses.
pub(crate) const SERVER_NAME: &str = "server.xskit.test";

pub(crate) struct Authority {
    /// With `ca.pem`, its own certificate.
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one. Of two with the same name, a client could not say which one is missing.
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Self { folder, issuer }
    }

    /// A certificate for [`SERVER_NAME`] and this address, and its key, in files.
    pub(crate) fn issue(&self, address: IpAddr) -> [PathBuf; 2] {
        let key = KeyPair::generate().unwrap();
        let names = [SERVER_NAME.to_owned(), address.to_string()];
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = ["server.pem", "server.key"].map(|name| self.path().join(name));
        fs::write(&files[0], certificate.pem()).unwrap();
        fs::write(&files[1], key.serialize_pem()).unwrap();
        files
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        fs::read(self.path().join("ca.pem")).unwrap()
    }

    /// The folder of its files.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

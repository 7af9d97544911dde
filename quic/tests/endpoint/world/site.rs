//! What a server needs: a directory, a certificate and bounds; and what its clients must trust.

use std::ops::{Deref, DerefMut};
use std::time::Instant;

use fastrand::Rng;
use tempfile::TempDir;
use xskit_quic::cert::{self, Authority, Validity};
use xskit_quic::client::Trust;
use xskit_quic::{
    ClientConfig, FileServer, Files, Http, HttpConfig, Identity, Root, Server, ServerConfig,
};

use super::World;

pub(crate) const NAME: &str = "server.test";

/// A directory that is served, and the bounds of its server.
pub(crate) struct Site {
    pub(crate) dir: TempDir,
    pub(crate) pki: Pki,
    server: ServerConfig,
    pub(crate) http: HttpConfig,
    pub(crate) dotfiles: bool,
}

impl Site {
    /// With files of these sizes.
    pub(crate) fn new(sizes: &[usize]) -> Self {
        Self::of(Pki::new(), files(sizes))
    }

    pub(crate) fn of(pki: Pki, dir: TempDir) -> Self {
        Self {
            server: ServerConfig::new(pki.identity.clone()),
            dir,
            pki,
            http: HttpConfig::default(),
            dotfiles: false,
        }
    }

    pub(crate) fn serve<L: Copy + PartialEq>(&self, now: Instant) -> FileServer<L> {
        let root = Root::open(self.dir.path()).unwrap();
        let files = Files::new(root.with_dotfiles(self.dotfiles));
        Server::new(&self.server, Http::new(files, &self.http).unwrap(), now).unwrap()
    }

    /// A server of it on a wire without faults.
    pub(crate) fn world(&self) -> World {
        World::of_http(self.serve(Instant::now()))
    }

    pub(crate) fn client(&self) -> ClientConfig {
        self.pki.client()
    }
}

/// A site with files of these sizes and the usual bounds, and its world.
pub(crate) fn serving(sizes: &[usize]) -> (Site, World) {
    let site = Site::new(sizes);
    let world = site.world();
    (site, world)
}

impl Deref for Site {
    type Target = ServerConfig;

    fn deref(&self) -> &ServerConfig {
        &self.server
    }
}

impl DerefMut for Site {
    fn deref_mut(&mut self) -> &mut ServerConfig {
        &mut self.server
    }
}

/// An authority, and a server certificate for `NAME` that it has issued.
pub(crate) struct Pki {
    pub(crate) ca: String,
    pub(crate) identity: Identity,
}

impl Pki {
    pub(crate) fn new() -> Self {
        Self::with_names(&[NAME])
    }

    pub(crate) fn with_names(names: &[&str]) -> Self {
        let authority = Authority::new().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let pem = authority.issue(&names, Validity::days(1)).unwrap();
        Self {
            ca: authority.pem(),
            identity: identity(&pem),
        }
    }

    pub(crate) fn client(&self) -> ClientConfig {
        ClientConfig::new(NAME, 4433, Trust::Pem(self.ca.clone()))
    }
}

pub(crate) fn identity(pem: &cert::Pem) -> Identity {
    Identity::from_pem(pem.certificate.as_bytes(), pem.key.as_bytes()).unwrap()
}

/// A directory with files of these sizes, named by their size.
pub(crate) fn files(sizes: &[usize]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for size in sizes {
        std::fs::write(dir.path().join(size.to_string()), content(*size)).unwrap();
    }
    dir
}

/// The bytes of the file of that size.
pub(crate) fn content(size: usize) -> Vec<u8> {
    random_bytes(&mut Rng::with_seed(size as u64 + 7), size)
}

pub(crate) fn random_bytes(rng: &mut Rng, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    rng.fill(&mut bytes);
    bytes
}

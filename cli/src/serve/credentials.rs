//! The certificate of `xskit serve` and its key, from files that may change, or made at the start.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use xskit::net::{Link, address};
use xskit::quic::{Identity, cert};

use crate::args::ServeArgs;
use crate::report;
use crate::root::{is_same, is_within};

/// The end of the first line of any private key in PEM.
const KEY_LINE: &[u8] = b"PRIVATE KEY-----";

/// The options of the certificate: its files and its key's, or --self-signed.
pub(crate) struct Credentials<'a> {
    args: &'a ServeArgs,
    link: Option<&'a Link>,
}

impl<'a> Credentials<'a> {
    /// A self-signed certificate is for the addresses of `link`, or of the host.
    pub(crate) fn new(args: &'a ServeArgs, link: Option<&'a Link>) -> Self {
        Self { args, link }
    }

    /// Reads the files as they are now, or makes a certificate.
    ///
    /// # Errors
    /// The files can't be used, or would be served.
    pub(crate) fn read(&self) -> anyhow::Result<Identity> {
        match (&self.args.cert, &self.args.key) {
            (Some(certificate), Some(key)) => {
                guard_keys(certificate, key, &self.args.root)?;
                Ok(Identity::from_pem_files(certificate, key)?)
            }
            _ if self.args.self_signed => {
                let pem = cert::self_signed(&own_names(self.args.listen.ip(), self.link)?)?;
                let (certificate, key) = (pem.certificate.as_bytes(), pem.key.as_bytes());
                Ok(Identity::from_pem(certificate, key)?)
            }
            _ => bail!("a certificate is needed: give --cert and --key, or --self-signed"),
        }
    }

    /// The files that may change; none with --self-signed.
    pub(crate) fn files(&self) -> Vec<&'a Path> {
        let files = [&self.args.cert, &self.args.key].into_iter().flatten();
        files.map(PathBuf::as_path).collect()
    }
}

/// Refuses a private key that would be served, in either file, and warns of one that every user can
/// read.
fn guard_keys(certificate: &Path, key: &Path, root: &Path) -> anyhow::Result<()> {
    guard("--key", key, root)?;
    match holds_another_key(certificate, key) {
        true => guard("--cert", certificate, root),
        false => Ok(()),
    }
}

/// Whether the certificate's file holds a private key, and is not the key's own file.
fn holds_another_key(certificate: &Path, key: &Path) -> bool {
    let Ok(metadata) = certificate.metadata() else {
        // Reading it reports why.
        return false;
    };
    let is_the_same = key.metadata().is_ok_and(|key| is_same(&key, &metadata));
    // A pipe can be read only once.
    !is_the_same && metadata.is_file() && fs::read(certificate).is_ok_and(|pem| holds_key(&pem))
}

fn holds_key(pem: &[u8]) -> bool {
    pem.windows(KEY_LINE.len()).any(|part| part == KEY_LINE)
}

fn guard(option: &str, file: &Path, root: &Path) -> anyhow::Result<()> {
    let Ok(found) = file.canonicalize() else {
        // Opening it reports why.
        return Ok(());
    };
    ensure!(
        !is_within(&found, root),
        "{option} {}: holds a private key and is under --root {}, so anyone could fetch it; move \
         it elsewhere",
        file.display(),
        root.display()
    );
    if found.metadata()?.permissions().mode() & 0o004 != 0 {
        report::say(format_args!(
            "xskit: warning: {option} {} holds a private key, and every user of this machine can \
             read it: chmod o-r it",
            file.display()
        ));
    }
    Ok(())
}

/// The names of a self-signed certificate: the address listened on, or all of the interface or the
/// host.
fn own_names(listen: IpAddr, link: Option<&Link>) -> anyhow::Result<Vec<String>> {
    if !listen.is_unspecified() {
        return Ok(vec![listen.to_string()]);
    }
    let addresses = match link {
        Some(link) => link.addresses()?.iter().map(|own| own.address).collect(),
        None => address::of_host()?,
    };
    Ok(addresses.iter().map(IpAddr::to_string).collect())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::guard_keys;

    #[test]
    fn no_key_is_served_whatever_file_it_is_in_and_however_that_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        for directory in ["root", "root/sub", "outside"] {
            fs::create_dir(path(directory)).expect("made");
        }
        symlink("root", path("current")).expect("a link");
        let key = "-----BEGIN EC PRIVATE KEY-----\n";
        let certificate = "-----BEGIN CERTIFICATE-----\n";
        let file = |name: &str, text: &str| {
            fs::write(path(name), text).expect("written");
            fs::set_permissions(path(name), Permissions::from_mode(0o600)).expect("its owner's");
        };
        file("root/sub/key.pem", key);
        file("root/cert.pem", certificate);
        file("root/both.pem", &format!("{certificate}{key}"));
        file("outside/key.pem", key);
        file("outside/both.pem", &format!("{certificate}{key}"));
        symlink("../root/sub/key.pem", path("outside/link.pem")).expect("a link");
        symlink("../outside/key.pem", path("root/link.pem")).expect("a link");
        for root in ["root", "current"] {
            for (certificate, key, refused) in [
                ("root/cert.pem", "outside/key.pem", None),
                ("outside/both.pem", "outside/both.pem", None),
                // Nothing that leads out of the root is served.
                ("root/cert.pem", "root/link.pem", None),
                ("root/cert.pem", "root/sub/key.pem", Some("--key")),
                ("root/cert.pem", "current/sub/key.pem", Some("--key")),
                ("root/cert.pem", "outside/link.pem", Some("--key")),
                ("root/both.pem", "outside/key.pem", Some("--cert")),
                ("current/both.pem", "outside/key.pem", Some("--cert")),
                ("root/both.pem", "current/both.pem", Some("--key")),
            ] {
                let outcome = guard_keys(&path(certificate), &path(key), &path(root));
                let told = outcome.map_err(|error| error.to_string());
                let is_right = match refused {
                    None => told.is_ok(),
                    Some(option) => told.as_ref().is_err_and(|it| it.starts_with(option)),
                };
                assert!(is_right, "{certificate}, {key} under {root}: {told:?}");
            }
        }
    }
}

//! The HTTP/3 servers: ours, nginx, and the example that comes with quiche.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{bail, ensure};
use xskit_testbed::HostPair;

use super::bed::Bed;
use super::plan::Who;
use crate::nginx::{self, Directives, certify};

/// The port of all of them: that of quiche's example is fixed.
pub(crate) const PORT: u16 = 4433;

/// quiche's example, as `cargo xtask vm --count` builds it.
const QUICHE: &str = "quiche-server";

/// Fails if a program is missing, or has no HTTP/3.
pub(crate) fn require(who: Who) -> anyhow::Result<()> {
    const CURL: (&str, &str, &str) = ("curl", "--version", "HTTP3");
    const OPENSSL: (&str, &str, &str) = ("openssl", "version", "OpenSSL");
    let needs: &[(&str, &str, &str)] = match who {
        Who::ToCurl(..) => &[CURL],
        Who::Nginx => &[CURL, OPENSSL, ("nginx", "-V", "http_v3_module")],
        // With an argument it prints that it takes none.
        Who::Quiche => &[CURL, OPENSSL, (QUICHE, "--help", "Usage")],
        _ => &[],
    };
    for (program, option, says) in needs {
        let output = Command::new(program).arg(option).output();
        let Ok(output) = output else {
            bail!("{program} is not installed");
        };
        let said = [output.stdout, output.stderr].concat();
        let has = String::from_utf8_lossy(&said).contains(says);
        ensure!(has, "{program} without HTTP/3 is installed");
    }
    Ok(())
}

/// The command of a server for the files in `folder/root`; `folder` receives what else the server
/// needs.
pub(crate) fn command(
    bed: &Bed,
    pair: &HostPair,
    who: Who,
    folder: &Path,
) -> anyhow::Result<Vec<String>> {
    Ok(match who {
        Who::Both(mode, backend) | Who::ToCurl(mode, backend) => {
            let listen = format!(
                "serve --self-signed --json --listen={}:{PORT}",
                pair.second.ipv4
            );
            let mut words = bed.xskit(&listen, &pair.second.link.name, (mode, backend));
            words.push(format!("--root={}", folder.join("root").display()));
            words
        }
        Who::Nginx => nginx(folder)?,
        Who::Quiche => quiche(folder)?,
        _ => bail!("no server"),
    })
}

/// Over HTTP/3 alone, with a new certificate.
fn nginx(folder: &Path) -> anyhow::Result<Vec<String>> {
    certify(&folder.join("cert.pem"), &folder.join("key.pem"))?;
    let directives = Directives {
        events: "",
        http: "sendfile off; quic_gso on;",
        server: &format!("listen {PORT} quic reuseport; http3 on;"),
    };
    nginx::command(folder, &directives)
}

/// It takes its files and its certificate from a folder below its working directory.
fn quiche(folder: &Path) -> anyhow::Result<Vec<String>> {
    let examples = folder.join("examples");
    fs::create_dir(&examples)?;
    std::os::unix::fs::symlink("../root", examples.join("root"))?;
    certify(&examples.join("cert.crt"), &examples.join("cert.key"))?;
    let there = format!("--chdir={}", folder.display());
    Ok(vec!["env".to_owned(), there, QUICHE.to_owned()])
}

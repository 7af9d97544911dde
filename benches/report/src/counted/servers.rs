//! The HTTP/3 servers: ours, nginx, and the example that comes with quiche.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{bail, ensure};
use xskit_testbed::HostPair;

use super::bed::Bed;
use super::plan::{Mode, Who};
use crate::rival::nginx::{self, Directives, certify};

/// The port of all of them: quiche's example has no other.
pub const PORT: u16 = 4433;

/// quiche's example, as `cargo xtask vm --count` builds it.
const QUICHE: &str = "quiche-server";

/// Whether the programs are there, and have HTTP/3.
///
/// # Errors
/// Which is not.
pub fn require(who: Who) -> anyhow::Result<()> {
    const CURL: (&str, &str, &str) = ("curl", "--version", "HTTP3");
    const OPENSSL: (&str, &str, &str) = ("openssl", "version", "OpenSSL");
    let needs: &[(&str, &str, &str)] = match who {
        Who::ToCurl(..) => &[CURL],
        Who::Nginx => &[CURL, OPENSSL, ("nginx", "-V", "http_v3_module")],
        // With an argument it says that it takes none.
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

/// The command of a server whose files are in `root` inside of `folder`, which gets what the server needs besides.
///
/// # Errors
/// Where that can't be written.
pub fn command(bed: &Bed, pair: &HostPair, who: Who, folder: &Path) -> anyhow::Result<Vec<String>> {
    Ok(match who {
        Who::Both(mode, backend) | Who::ToCurl(mode, backend) => {
            serve(bed, pair, &folder.join("root"), (mode, backend))
        }
        Who::Nginx => nginx(folder)?,
        Who::Quiche => quiche(folder)?,
        _ => bail!("no server"),
    })
}

/// Adds the options of `xskit` that name a mode and a backend.
pub(super) fn driven(words: &mut Vec<String>, (mode, backend): (Mode, &str)) {
    words.extend(mode.words().map(str::to_owned));
    words.push(format!("--backend={backend}"));
}

fn serve(bed: &Bed, pair: &HostPair, root: &Path, how: (Mode, &str)) -> Vec<String> {
    let mut words = bed.xskit(
        &["serve", "--self-signed", "--json"],
        &pair.second.link.name,
    );
    words.push(format!("--listen={}:{PORT}", pair.second.ipv4));
    words.push(format!("--root={}", root.display()));
    driven(&mut words, how);
    words
}

/// Over HTTP/3 alone, with a certificate that is made for it.
fn nginx(folder: &Path) -> anyhow::Result<Vec<String>> {
    certify(&folder.join("cert.pem"), &folder.join("key.pem"))?;
    let directives = Directives {
        events: "",
        http: "sendfile off; quic_gso on;",
        server: &format!("listen {PORT} quic reuseport; http3 on;"),
    };
    nginx::command(folder, &directives)
}

/// It takes what it serves and its certificate from a folder below the one it is started in.
fn quiche(folder: &Path) -> anyhow::Result<Vec<String>> {
    let examples = folder.join("examples");
    fs::create_dir(&examples)?;
    std::os::unix::fs::symlink("../root", examples.join("root"))?;
    certify(&examples.join("cert.crt"), &examples.join("cert.key"))?;
    let there = format!("--chdir={}", folder.display());
    Ok(vec!["env".to_owned(), there, QUICHE.to_owned()])
}

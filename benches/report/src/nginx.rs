//! nginx, in one process, which keeps what it writes in a folder.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// Directives, by the block that they are in.
pub(crate) struct Directives<'a> {
    pub(crate) events: &'a str,
    pub(crate) http: &'a str,
    /// What it listens to, and how.
    pub(crate) server: &'a str,
}

/// Writes a configuration into the folder, and returns the command that uses it. nginx serves
/// `root` there, with the certificate `cert.pem` and its key `key.pem`.
pub(crate) fn command(folder: &Path, directives: &Directives<'_>) -> anyhow::Result<Vec<String>> {
    let at = |name: &str| folder.join(name).display().to_string();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!(" {kind}_temp_path {};\n", at(kind)))
        .concat();
    let configuration = format!(
        "daemon off;\nmaster_process off;\nuser root;\npid {};\nerror_log stderr warn;\n\
         events {{ {} }}\nhttp {{\n access_log off;\n {}\n{temporary} server {{\n {}\n \
         ssl_certificate {};\n ssl_certificate_key {};\n root {};\n }}\n}}\n",
        at("pid"),
        directives.events,
        directives.http,
        directives.server,
        at("cert.pem"),
        at("key.pem"),
        at("root"),
    );
    fs::write(folder.join("nginx.conf"), configuration)?;
    Ok(["nginx", "-p", &at(""), "-c", &at("nginx.conf")]
        .map(str::to_owned)
        .to_vec())
}

/// Writes a certificate and its key, of the kind that `xskit serve --self-signed` makes.
pub(crate) fn certify(certificate: &Path, key: &Path) -> anyhow::Result<()> {
    let mut openssl = Command::new("openssl");
    openssl.args("req -x509 -nodes -days 2 -subj /CN=host -newkey ec".split(' '));
    openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.arg("-keyout").arg(key).arg("-out").arg(certificate);
    let made = openssl.stderr(Stdio::null()).status().context("openssl")?;
    ensure!(made.success(), "openssl makes no certificate");
    Ok(())
}

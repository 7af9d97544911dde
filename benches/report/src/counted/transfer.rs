//! The HTTP/3 transfer: one file, from a server in the second host to a client in the first, both ends counted.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use xskit_testbed::HostPair;

use super::MILLIONS;
use super::bed::Bed;
use super::plan::{Mode, Who};
use crate::figures::Figures;

/// Bytes of the file.
pub const FILE_LEN: usize = 8 << 20;

/// Transfers that are counted together, after one that isn't: it brings programs into memory.
const TRANSFERS: u32 = 2;

/// A server's start, with that of a card's carrier.
const START: Duration = Duration::from_secs(6);

/// How long a transfer may take.
const PATIENCE: Duration = Duration::from_secs(60);

const PORT: u16 = 4433;

/// Whether the programs are there, and have HTTP/3.
///
/// # Errors
/// Which is not.
pub fn require(who: Who) -> anyhow::Result<()> {
    let needs: &[(&str, &str, &str)] = match who {
        Who::ToCurl(..) => &[("curl", "--version", "HTTP3")],
        Who::Nginx => &[
            ("curl", "--version", "HTTP3"),
            ("nginx", "-V", "http_v3_module"),
            ("openssl", "version", "OpenSSL"),
        ],
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

/// Counts some transfers.
///
/// # Errors
/// Where a program fails, or a file doesn't arrive.
pub fn count(bed: &Bed, pair: &HostPair, who: Who) -> anyhow::Result<Figures> {
    let folder = TempDir::new()?;
    let root = folder.path().join("root");
    fs::create_dir(&root)?;
    let bytes: Vec<u8> = (0..FILE_LEN).map(|at| (at % 251) as u8).collect();
    fs::write(root.join("file"), &bytes)?;
    let server = match who {
        Who::Both(mode, backend) | Who::ToCurl(mode, backend) => {
            serve(bed, pair, &root, (mode, backend))
        }
        Who::Nginx => nginx(folder.path(), &root)?,
        _ => bail!("no transfer"),
    };
    let mut server = bed.start(&pair.second, &server)?;
    thread::sleep(START);
    let file = folder.path().join("arrived");
    let client = match who {
        Who::Both(mode, backend) => get(bed, pair, &file, (mode, backend)),
        _ => curl(pair, &file),
    };
    let outcome = transfers(bed, pair, &client, (&file, &bytes));
    ensure!(server.is_running()?, "the server: {}", server.complaint());
    server.interrupt();
    let _ = server.finish(Duration::ZERO);
    outcome
}

fn transfers(
    bed: &Bed,
    pair: &HostPair,
    client: &[String],
    (file, bytes): (&Path, &[u8]),
) -> anyhow::Result<Figures> {
    let transfer = || {
        bed.start(&pair.first, client)?
            .finish(PATIENCE)
            .context("the client")?;
        let arrived = fs::metadata(file).context("the file")?.len();
        ensure!(arrived == bytes.len() as u64, "{arrived} bytes arrived");
        anyhow::Ok(())
    };
    transfer()?;
    ensure!(fs::read(file)? == bytes, "other bytes arrived");
    let (instructions, ()) = bed
        .meter
        .count(|| (0..TRANSFERS).try_for_each(|_| transfer()))?;
    let millions = instructions / f64::from(TRANSFERS) / 1e6;
    Ok(Figures::of([(MILLIONS, millions)]))
}

fn driven(words: &mut Vec<String>, (mode, backend): (Mode, &str)) {
    words.extend(mode.words().map(str::to_owned));
    words.push(format!("--backend={backend}"));
}

fn serve(bed: &Bed, pair: &HostPair, root: &Path, how: (Mode, &str)) -> Vec<String> {
    let mut words = bed.xskit(&["serve", "--self-signed"], &pair.second.link.name);
    words.push(format!("--listen={}:{PORT}", pair.second.ipv4));
    words.push(format!("--root={}", root.display()));
    driven(&mut words, how);
    words
}

fn get(bed: &Bed, pair: &HostPair, file: &Path, how: (Mode, &str)) -> Vec<String> {
    let mut words = bed.xskit(&["get", "--insecure"], &pair.first.link.name);
    words.push(format!("--output={}", file.display()));
    driven(&mut words, how);
    words.push(url(pair));
    words
}

fn curl(pair: &HostPair, file: &Path) -> Vec<String> {
    let mut words = [
        "curl",
        "--http3-only",
        "--insecure",
        "--silent",
        "--show-error",
    ]
    .map(str::to_owned)
    .to_vec();
    words.push("--output".to_owned());
    words.push(file.display().to_string());
    words.push(url(pair));
    words
}

fn url(pair: &HostPair) -> String {
    format!("https://{}:{PORT}/file", pair.second.ipv4)
}

/// Writes its configuration and a certificate into the folder.
fn nginx(folder: &Path, root: &Path) -> anyhow::Result<Vec<String>> {
    let at = |name: &str| folder.join(name).display().to_string();
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=nginx"]);
    openssl.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.args(["-keyout", &at("key.pem"), "-out", &at("cert.pem")]);
    let made = openssl.stderr(Stdio::null()).status().context("openssl")?;
    ensure!(made.success(), "openssl makes no certificate");
    let configuration = format!(
        "daemon off;\nmaster_process off;\nuser root;\npid {};\nerror_log stderr warn;\n\
         events {{}}\nhttp {{\n access_log off;\n sendfile off;\n quic_gso on;\n {temporary}\
         server {{\n listen {PORT} quic reuseport;\n http3 on;\n ssl_certificate {};\n \
         ssl_certificate_key {};\n root {};\n }}\n}}\n",
        at("pid"),
        at("cert.pem"),
        at("key.pem"),
        root.display(),
        temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};\n ", at(kind)))
            .concat(),
    );
    fs::write(folder.join("nginx.conf"), configuration)?;
    Ok(["nginx", "-p", &at(""), "-c", &at("nginx.conf")]
        .map(str::to_owned)
        .to_vec())
}

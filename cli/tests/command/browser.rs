//! Chromium at `xskit serve`: it connects by TCP, changes to HTTP/3, and stays with TCP if UDP is
//! blocked.
//!
//! The page says how each of its requests went (`nextHopProtocol`), and the access log has to
//! agree. How it looked is in `browser/` in the target directory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{CertifiedKey, PublicKeyData};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::access_log::lines;
use crate::process::{command_in, ip};
use crate::scene::{PORT, Scene};
use crate::traces::wait_until;

const NAME: &str = "server.xskit.test";
const PAGE: &str = "/page.html";
const ASSETS: usize = 50;
/// The page's are one more.
const REQUESTS: usize = ASSETS + 1;

/// So that the browser sends no requests of its own, as far as options allow. As root it has no
/// sandbox.
const QUIET: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1200,640",
    // Time stands still while anything is fetched: what is printed is the page when all is there.
    "--virtual-time-budget=10000",
];

/// How each path was fetched: "h2" or "h3".
type Protocols = BTreeMap<String, String>;

/// The scene, where there is a Chromium.
#[track_caller]
fn scene() -> Option<Scene> {
    let version = Command::new("chromium").arg("--version").output();
    if !version.is_ok_and(|version| version.status.success()) {
        println!("skipped: needs chromium (test {})", Location::caller());
        return None;
    }
    Scene::new()
}

/// A file that is served, and the element of the page that loads it.
struct Asset {
    path: String,
    body: String,
    element: String,
}

impl Asset {
    /// It leaves its number where the page looks for it.
    fn new(number: usize) -> Self {
        let (kind, body, inner) = match number % 4 {
            0 => (
                "css",
                format!("#n{number} {{ --seen: {number} }}"),
                "<link rel=stylesheet href=PATH>",
            ),
            1 => (
                "js",
                format!("document.currentScript.parentNode.style.setProperty('--seen', {number})"),
                "<script src=PATH></script>",
            ),
            2 => ("svg", circle(number), "<img src=PATH>"),
            _ => ("json", format!("{{ \"seen\": {number} }}"), ""),
        };
        let path = format!("/assets/{number}.{kind}");
        let inner = inner.replace("PATH", &path);
        let element = format!("<figure id=n{number} data-path={path}>{inner}</figure>\n");
        Self {
            path,
            body,
            element,
        }
    }
}

/// A picture of this width.
fn circle(width: usize) -> String {
    let circle = format!(
        "<circle cx='1' cy='1' r='1' fill='hsl({} 60% 45%)'/>",
        width * 7
    );
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{width}' viewBox='0 0 2 2'>{circle}</svg>"
    )
}

/// Writes the page and its assets, and returns how long each is in bytes.
fn write_site(root: &Path) -> BTreeMap<String, usize> {
    fs::create_dir(root.join("assets")).unwrap();
    let assets: Vec<_> = (0..ASSETS).map(Asset::new).collect();
    let elements: String = assets.iter().map(|it| it.element.as_str()).collect();
    let page = include_str!("browser.html").replace("<!-- assets -->\n", &elements);
    let files = assets.into_iter().map(|it| (it.path, it.body));
    let written = files.chain([(PAGE.to_owned(), page)]).map(|(path, body)| {
        fs::write(root.join(&path[1..]), &body).unwrap();
        (path, body.len())
    });
    written.collect()
}

/// The folder of the screenshots. Cargo's directory for tests is `tmp` in its target directory.
fn screenshots() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("browser");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The server's certificate, the browser that takes it, and what both are to agree on.
struct Visits<'a> {
    scene: &'a Scene,
    site: BTreeMap<String, usize>,
    certificate: PathBuf,
    log: PathBuf,
    /// The hash of the certificate's key, by which the browser knows it.
    pin: String,
    loads: usize,
}

impl<'a> Visits<'a> {
    fn new(scene: &'a Scene) -> Self {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        let certificate = scene.dir().join("server.pem");
        fs::write(&certificate, cert.pem() + &signing_key.serialize_pem()).unwrap();
        Self {
            scene,
            site: write_site(&scene.root()),
            certificate,
            log: scene.dir().join("log"),
            pin: BASE64_STANDARD.encode(Sha256::digest(signing_key.subject_public_key_info())),
            loads: 0,
        }
    }

    /// The server's options.
    fn options(&self) -> String {
        let (certificate, log) = (self.certificate.display(), self.log.display());
        format!("--cert {certificate} --key {certificate} --access-log {log}")
    }

    /// Loads the page in a new process, with this profile but an empty cache. Checks that all of it
    /// arrives, and returns by which protocols. The screenshot is kept under `name`.
    fn load(&mut self, profile: &str, name: &str) -> Protocols {
        self.loads += 1;
        let report = self.run_browser(profile, name);
        let mut protocols = Protocols::new();
        for fetched in &report {
            let path = fetched["path"].as_str().unwrap();
            assert_eq!(fetched["seen"].as_u64(), number_in(path), "{fetched}");
            assert_eq!(fetched["bytes"], self.site[path], "{fetched}");
            let protocol = fetched["protocol"].as_str().unwrap().to_owned();
            let twice = protocols.insert(path.to_owned(), protocol);
            assert_eq!(twice, None, "{report:#?}");
        }
        assert!(protocols.keys().eq(self.site.keys()), "{report:#?}");
        assert_eq!(self.logged(), protocols);
        protocols
    }

    /// What the server has logged of the last load.
    fn logged(&self) -> Protocols {
        wait_until("the log", || {
            lines(&self.log).len() >= self.loads * REQUESTS
        });
        let lines = lines(&self.log);
        assert_eq!(lines.len(), self.loads * REQUESTS, "{lines:#?}");
        let of_last = lines.iter().skip((self.loads - 1) * REQUESTS);
        let protocols = of_last.map(|line| {
            assert_eq!(line["status"], 200, "{line}");
            assert!(line["cut_off"].is_null(), "{line}");
            let path = line["path"].as_str().unwrap().to_owned();
            let protocol = line["protocol"].as_str().unwrap();
            (path, protocol.replace("HTTP/", "h"))
        });
        protocols.collect()
    }

    /// Runs the browser, and returns what the page's script has left in the page.
    fn run_browser(&self, profile: &str, name: &str) -> Vec<Value> {
        let dir = self.scene.dir();
        let file = |what: &str| dir.join(format!("{name}.{what}"));
        let option = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let mut command = command_in(&self.scene.client().namespace, "chromium");
        command.args(QUIET).arg("--dump-dom");
        command.arg(option(
            "screenshot",
            &screenshots().join(format!("{name}.png")),
        ));
        command.arg(option("user-data-dir", &dir.join(profile)));
        command.arg(option("disk-cache-dir", &file("cache")));
        command.arg(format!(
            "--ignore-certificate-errors-spki-list={}",
            self.pin
        ));
        // QUIC accepts only publicly known authorities, except for the hosts named here. The port
        // is another one on purpose: at the served port, only Alt-Svc leads to QUIC.
        command.arg(format!("--origin-to-force-quic-on={NAME}:1"));
        let address = self.scene.server().ipv4;
        command.arg(format!("--host-resolver-rules=MAP {NAME} {address}"));
        command.arg(format!("https://{NAME}:{PORT}{PAGE}"));
        command.env("HOME", dir);
        command.stdout(File::create(file("html")).unwrap());
        command.stderr(File::create(file("stderr")).unwrap());
        let mut child = command.spawn().unwrap();
        wait_until("the browser", || child.try_wait().unwrap().is_some());
        let said = fs::read_to_string(file("stderr")).unwrap();
        assert!(child.wait().unwrap().success(), "chromium said:\n{said}");
        let page = fs::read_to_string(file("html")).unwrap();
        report_in(&page).unwrap_or_else(|| panic!("no report in:\n{page}\nchromium said:\n{said}"))
    }
}

fn report_in(page: &str) -> Option<Vec<Value>> {
    let (_, rest) = page.split_once("type=\"application/json\">")?;
    serde_json::from_str(rest.split_once("</script>")?.0).ok()
}

/// The number that an asset is to leave; the page leaves none.
fn number_in(path: &str) -> Option<u64> {
    let (number, _) = path.strip_prefix("/assets/")?.split_once('.')?;
    number.parse().ok()
}

/// Has the client's kernel drop incoming UDP, as a firewall does: without an ICMP error.
fn block_udp(scene: &Scene) {
    let client = scene.client();
    // The rule for local addresses comes first, so it has to move back.
    ip(&client.namespace, "rule add pref 2 lookup local");
    ip(&client.namespace, "rule del pref 0");
    let drop = format!(
        "rule add pref 1 iif {} ipproto udp blackhole",
        client.link.name
    );
    ip(&client.namespace, &drop);
}

#[track_caller]
fn assert_all(protocols: &Protocols, protocol: &str) {
    assert!(
        protocols.values().all(|it| it == protocol),
        "{protocols:#?}"
    );
}

#[test]
fn a_browser_goes_on_by_http_3_and_by_tcp_where_udp_is_blocked() {
    let Some(scene) = scene() else { return };
    let mut visits = Visits::new(&scene);
    let server = scene.start_server(&visits.options());

    // The browser learns of HTTP/3 from the page's response. Assets requested before the QUIC
    // connection is up still go over TCP.
    let first = visits.load("profile", "first");
    assert_eq!(first[PAGE], "h2", "{first:#?}");
    let by_tcp = first.values().filter(|it| *it == "h2").count();
    println!("the first time {by_tcp} of {REQUESTS} by HTTP/2, the others by HTTP/3");
    assert_all(&visits.load("profile", "second"), "h3");

    // One profile that already uses HTTP/3, and one that is told of it.
    block_udp(&scene);
    for (profile, name) in [
        ("profile", "blocked"),
        ("another", "blocked-first"),
        ("another", "blocked-second"),
    ] {
        assert_all(&visits.load(profile, name), "h2");
    }

    let report = server.interrupt().json();
    let by_tcp = by_tcp + 3 * REQUESTS;
    assert_eq!(report["tcp"]["requests"], by_tcp, "{report:#}");
    assert_eq!(report["requests"], 5 * REQUESTS - by_tcp, "{report:#}");
    assert_eq!(report["log_lines_lost"], 0, "{report:#}");
    // And yet it was tried, by either: answers were lost.
    let initials = report["metrics"][1].as_str().unwrap();
    let initials = initials.strip_prefix("quic_accepted_initial_packet_count ");
    assert!(initials.unwrap().parse::<u64>().unwrap() >= 4, "{report:#}");
    scene.assert_left(&[]);
}

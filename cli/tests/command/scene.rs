//! Two hosts joined by a wire, and a directory for files. The wire is a veth pair, or two cards in
//! zero-copy mode where the environment names them (`cargo xtask vm`).
//!
//! ```text
//!   host "first"                     host "second"
//!  ┌─────────────────┐    veth    ┌───────────────────┐
//!  │ xskit get       ├────────────┤ xskit serve       │
//!  │ DIR/out         │            │ DIR/root          │
//!  └─────────────────┘            └───────────────────┘
//! ```

use std::fs::{self, File};
use std::net::UdpSocket;
use std::panic::Location;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use xskit_testbed::{Capability, Host, HostPair, HostPairConfig, cards, privilege};

use crate::process::{Outcome, Running, Words, Xskit};
use crate::traces::{has_program, names_in};

/// The port that is served.
pub(crate) const PORT: u16 = 4433;

/// A file that is served: its name and its length in bytes.
pub(crate) const SHORT: (&str, u64) = ("short", 100_000);
/// Long enough for something to happen in the middle of it; it is a hole, and takes no room.
pub(crate) const LONG: (&str, u64) = ("long", 4 << 30);

/// Where a test takes place.
pub(crate) struct Scene {
    pub(crate) pair: HostPair,
    dir: TempDir,
}

/// Whether the privileges for hosts and AF_XDP are there; says which test is skipped, by its line.
#[track_caller]
pub(crate) fn may_run() -> bool {
    use Capability::{Bpf, NetAdmin, NetRaw, SysAdmin};
    let test = Location::caller().to_string();
    privilege::require(&test, &[NetAdmin, SysAdmin, NetRaw, Bpf])
}

/// How reports name the mode that sockets get by themselves.
pub(crate) fn usual_mode() -> &'static str {
    if cards::are_named() {
        "native, zero-copy"
    } else {
        "native, copy"
    }
}

/// The length of a file for a whole transfer, in megabytes: an emulated card is slow.
pub(crate) fn megabytes(on_veth: u64) -> u64 {
    if cards::are_named() {
        (on_veth / 16).max(1)
    } else {
        on_veth
    }
}

/// Content of this many bytes in which no place is like another, and another for another number.
pub(crate) fn mixed(number: u64, len: usize) -> Vec<u8> {
    let byte = |at: u64| ((at + number).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
    (0..len as u64).map(byte).collect()
}

impl Scene {
    /// The hosts, with one queue each; `None` where the privileges are missing.
    #[track_caller]
    pub(crate) fn new() -> Option<Self> {
        Self::with(HostPairConfig::default())
    }

    #[track_caller]
    pub(crate) fn with(hosts: HostPairConfig) -> Option<Self> {
        may_run().then(|| Self::on(HostPair::new(hosts).unwrap()))
    }

    /// On hosts with two queues. A veth delivers to the queue of the number that the sender sent
    /// from.
    #[track_caller]
    pub(crate) fn with_two_queues() -> Option<Self> {
        Self::with(HostPairConfig {
            queues: 2,
            ..HostPairConfig::default()
        })
    }

    /// On hosts with this MTU.
    #[track_caller]
    pub(crate) fn with_mtu(mtu_bytes: u32) -> Option<Self> {
        Self::with(HostPairConfig {
            mtu_bytes,
            ..HostPairConfig::default()
        })
    }

    /// On these hosts, the client on the first.
    pub(crate) fn on(pair: HostPair) -> Self {
        let scene = Self {
            pair,
            dir: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
        };
        fs::create_dir(scene.root()).unwrap();
        fs::create_dir(scene.out()).unwrap();
        for (name, len) in [SHORT, LONG] {
            let file = File::create(scene.root().join(name)).unwrap();
            file.set_len(len).unwrap();
        }
        scene
    }

    /// The directory that is served.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// The directory that downloads go to.
    pub(crate) fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    /// The test's own directory.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn client(&self) -> &Host {
        &self.pair.first
    }

    pub(crate) fn server(&self) -> &Host {
        &self.pair.second
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("https://{}:{PORT}/{name}", self.server().ipv4)
    }

    /// `xskit serve` with `more` options, and where these leave it open, with those that work.
    pub(crate) fn serve(&self, more: &(impl Words + ?Sized)) -> Xskit<'_> {
        let more = more.words();
        let listen = format!("{}:{PORT}", self.server().ipv4);
        let root = self.root();
        let usual = [
            ("--root", root.to_str()),
            ("--iface", Some(&*self.server().link.name)),
            ("--listen", Some(&*listen)),
            ("--self-signed", None),
        ];
        let mut words = "serve --json".words();
        for (option, value) in usual {
            // A UDP socket has no interface.
            let instead = match option {
                "--iface" => "udp",
                "--self-signed" => "--cert",
                _ => option,
            };
            if !more.iter().any(|word| word == option || word == instead) {
                words.extend([option].into_iter().chain(value).map(str::to_owned));
            }
        }
        words.extend(more);
        Xskit::new(&words[..]).on(self.server())
    }

    /// Starts `xskit serve` with `more` options and returns once it serves.
    pub(crate) fn start_server(&self, more: &(impl Words + ?Sized)) -> Running {
        self.serve(more).start().ready()
    }

    /// A server that never answers: without it the kernel would say that the port is closed.
    pub(crate) fn start_mute(&self) -> UdpSocket {
        let address = (self.server().ipv4, PORT);
        let socket = self.server().run(|| UdpSocket::bind(address));
        socket.unwrap().unwrap()
    }

    /// `xskit get` of a file into a file of the same name, with `more` options.
    pub(crate) fn get(&self, name: &str, more: &(impl Words + ?Sized)) -> Xskit<'_> {
        self.get_into(&self.out().join(name), name, more)
    }

    /// The same, into another file.
    pub(crate) fn get_into(
        &self,
        output: &Path,
        name: &str,
        more: &(impl Words + ?Sized),
    ) -> Xskit<'_> {
        let mut more = more.words();
        if !more.iter().any(|word| word == "--ca") {
            more.push("--insecure".to_owned());
        }
        self.get_checked(output, &self.url(name), &more[..])
    }

    /// The same from another URL, with a certificate that is checked if `more` doesn't say
    /// otherwise.
    pub(crate) fn get_checked(
        &self,
        output: &Path,
        url: &str,
        more: &(impl Words + ?Sized),
    ) -> Xskit<'_> {
        let (iface, output) = (&*self.client().link.name, output.to_str().unwrap());
        let usual = ["get", "--json", "--iface", iface, url, "-o", output];
        Xskit::new(&[usual.words(), more.words()].concat()[..]).on(self.client())
    }

    /// Fetches a URL without checking the certificate. What comes is removed.
    pub(crate) fn fetch(&self, url: &str, more: &(impl Words + ?Sized)) -> Outcome {
        let output = self.out().join("fetched");
        let more = [more.words(), "--insecure".words()].concat();
        let outcome = self.get_checked(&output, url, &more[..]).run();
        if outcome.status.success() {
            fs::remove_file(output).unwrap();
        }
        outcome
    }

    /// Starts a download of [`LONG`], and returns when a good part of it has come.
    pub(crate) fn start_download(&self, more: &(impl Words + ?Sized)) -> Running {
        let download = self.get(LONG.0, more).start();
        crate::traces::wait_until("the download", || self.fetched(LONG.0) > 1_000_000);
        download
    }

    /// Returns when the download has more than was on the way before, or has ended.
    pub(crate) fn await_more(&self, download: &mut Running) {
        let enough = self.fetched(LONG.0) + megabytes(8) * 1_000_000;
        crate::traces::wait_until("the download to go on", || {
            !download.is_running() || self.fetched(LONG.0) >= enough
        });
    }

    /// The bytes of a file that have come.
    pub(crate) fn fetched(&self, name: &str) -> u64 {
        let partial = self.out().join(format!("{name}.part"));
        fs::metadata(partial).map_or(0, |partial| partial.len())
    }

    /// Checks that a download works from beginning to end.
    #[track_caller]
    pub(crate) fn assert_works(&self) {
        let report = self.get(SHORT.0, "").run().json();
        assert_eq!(report["bytes"], SHORT.1, "{report:#}");
        let file = fs::read(self.out().join(SHORT.0)).unwrap();
        assert!(file.len() as u64 == SHORT.1 && file.iter().all(|byte| *byte == 0));
        fs::remove_file(self.out().join(SHORT.0)).unwrap();
    }

    /// Checks that no XDP program sits on either interface, and that these files, and no others,
    /// came of the downloads.
    #[track_caller]
    pub(crate) fn assert_left(&self, files: &[&str]) {
        assert!(
            !has_program(self.client()),
            "an XDP program is left on the client"
        );
        assert!(
            !has_program(self.server()),
            "an XDP program is left on the server"
        );
        assert_eq!(names_in(&self.out()), files);
    }
}

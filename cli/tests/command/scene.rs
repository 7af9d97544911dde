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
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use xskit_testbed::{Capability, Host, HostPair, HostPairConfig, cards, privilege};

use crate::process::{Outcome, Running, Xskit};
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

/// Whether the privileges for hosts and AF_XDP are there; says so where the test is skipped.
pub(crate) fn may_run(test: &str) -> bool {
    use Capability::{Bpf, NetAdmin, NetRaw, SysAdmin};
    privilege::require(test, &[NetAdmin, SysAdmin, NetRaw, Bpf])
}

/// How reports name the mode that sockets get by themselves.
pub(crate) fn usual_mode() -> &'static str {
    if cards::are_named() {
        "native, zero-copy"
    } else {
        "native, copy"
    }
}

/// A wire whose server has four workers; of cards one.
pub(crate) fn four_queues() -> HostPairConfig {
    HostPairConfig {
        queues: if cards::are_named() { 1 } else { 4 },
        ..HostPairConfig::default()
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

impl Scene {
    /// The hosts, with one queue each; `None` where the privileges are missing.
    pub(crate) fn new(test: &str) -> Option<Self> {
        Self::with(test, HostPairConfig::default())
    }

    pub(crate) fn with(test: &str, hosts: HostPairConfig) -> Option<Self> {
        may_run(test).then(|| Self::on(HostPair::new(hosts).unwrap()))
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

    /// The words of `xskit serve` that work, and `more`.
    pub(crate) fn serve_words(&self, more: &[&str]) -> Vec<String> {
        let listen = format!("{}:{PORT}", self.server().ipv4);
        let root = self.root();
        // A UDP socket has none.
        let iface = match more.contains(&"udp") {
            true => &[][..],
            false => &["--iface", &self.server().link.name],
        };
        let usual = [
            &["serve", "--json", "--root", root.to_str().unwrap()],
            iface,
        ]
        .concat();
        let mut words: Vec<_> = usual.iter().chain(more).map(ToString::to_string).collect();
        for (option, values) in [("--listen", &[listen.as_str()][..]), ("--self-signed", &[])] {
            let is_given = more.contains(&option);
            let is_other = option == "--self-signed" && more.contains(&"--cert");
            if !is_given && !is_other {
                words.push(option.to_owned());
                words.extend(values.iter().map(ToString::to_string));
            }
        }
        words
    }

    /// Runs `xskit serve` with `more` options, which should not work.
    pub(crate) fn serve(&self, more: &[&str]) -> Outcome {
        let words = self.serve_words(more);
        Xskit::new(&as_strs(&words)).on(self.server()).run()
    }

    /// Starts `xskit serve` with `more` options and returns once it serves.
    pub(crate) fn start_server(&self, more: &[&str]) -> Running {
        let words = self.serve_words(more);
        Xskit::new(&as_strs(&words))
            .on(self.server())
            .start()
            .ready()
    }

    /// A server that never answers: without it the kernel would say that the port is closed.
    pub(crate) fn start_mute(&self) -> UdpSocket {
        let address = (self.server().ipv4, PORT);
        let socket = self.server().run(|| UdpSocket::bind(address));
        socket.unwrap().unwrap()
    }

    /// `xskit get` of a file into a file of the same name, with `more` options.
    pub(crate) fn get(&self, name: &str, more: &[&str]) -> Xskit {
        let words = self.get_words(name, more);
        Xskit::new(&as_strs(&words)).on(self.client())
    }

    /// The words of [`get`](Self::get).
    pub(crate) fn get_words(&self, name: &str, more: &[&str]) -> Vec<String> {
        self.get_words_into(&self.out().join(name), name, more)
    }

    /// The same, into another file.
    pub(crate) fn get_words_into(&self, output: &Path, name: &str, more: &[&str]) -> Vec<String> {
        let url = self.url(name);
        let usual = [
            "get",
            "--json",
            "--iface",
            &self.client().link.name,
            &url,
            "-o",
            output.to_str().unwrap(),
        ];
        let mut words: Vec<_> = usual.iter().chain(more).map(ToString::to_string).collect();
        if !more.contains(&"--ca") {
            words.push("--insecure".to_owned());
        }
        words
    }

    /// Starts a download of [`LONG`], and returns when a good part of it has come.
    pub(crate) fn start_download(&self, more: &[&str]) -> Running {
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
        let report = self.get(SHORT.0, &[]).run().json();
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

/// Borrows words.
pub(crate) fn as_strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

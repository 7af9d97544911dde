//! Other people's programs that do the same jobs, as far as they are installed.

pub(crate) mod nginx;
pub mod testpmd;
pub mod trafficgen;
pub mod xdpsock;

use std::env;
use std::path::PathBuf;

use crate::job::Task;

/// What is run, and how its rate is read off what it prints.
#[derive(Clone, Copy, Debug)]
pub struct Rival {
    /// Its name in tables.
    pub name: &'static str,
    /// The command by which it is found.
    pub program: &'static str,
    /// Its arguments for a task on an interface, with packets of so many bytes to a MAC address; nothing for a task
    /// that it can't do.
    pub arguments: fn(Task, Wire<'_>) -> Option<Vec<String>>,
    /// The rate that a line tells, in packets a second.
    pub rate: fn(Task, &str) -> Option<f64>,
    /// Packets that go into the other end by redirection arrive only if there is an XDP program.
    pub wants_program_on_peer: bool,
}

/// Where the packets go.
#[derive(Clone, Copy, Debug)]
pub struct Wire<'a> {
    /// The interface.
    pub interface: &'a str,
    /// The Ethernet address of the other end.
    pub peer_mac: &'a str,
    /// Bytes a packet.
    pub len_bytes: usize,
    /// The UDP port.
    pub port: u16,
    /// The processor that is left to the other host, and the one for packets.
    pub cores: [usize; 2],
}

/// All of them, each in the options that suit it best here.
pub const ALL: [Rival; 3] = [testpmd::TESTPMD, xdpsock::XDPSOCK, trafficgen::TRAFFICGEN];

impl Rival {
    /// One by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|rival| rival.name == name)
    }

    /// Whether it can do a task with packets of so many bytes.
    #[must_use]
    pub fn does(&self, task: Task, len_bytes: usize) -> bool {
        let wire = Wire {
            interface: "",
            peer_mac: "",
            len_bytes,
            port: 0,
            cores: [0, 1],
        };
        (self.arguments)(task, wire).is_some()
    }

    /// Whether the command is there.
    #[must_use]
    pub fn is_installed(&self) -> bool {
        let path = env::var_os("PATH").unwrap_or_default();
        let mut folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        folders.any(|folder| folder.join(self.program).is_file())
    }
}

/// Whole words, owned.
fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

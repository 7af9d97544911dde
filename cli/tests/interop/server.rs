//! `xskit serve` with a certificate of the test's authority, and what it reports at its end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde::Deserialize;
use xskit_testbed::Host;

use crate::process::{Running, Xskit};

/// None once it has ended.
pub(crate) struct Server(Option<Running>);

/// The sockets that its packets go over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    AfXdp,
    Udp,
}

/// The report of a server that was interrupted.
#[derive(Deserialize)]
pub(crate) struct Summary {
    /// Connections whose handshake was completed.
    pub(crate) connections: u64,
    pub(crate) requests: u64,
    /// Packets that arrived at another queue than that of their connection.
    pub(crate) handed_over: u64,
    pub(crate) early: u64,
    pub(crate) mode: String,
    pub(crate) packets: u64,
    /// System calls for packets.
    pub(crate) syscalls: u64,
    /// Packets dropped, by their causes.
    pub(crate) drops: BTreeMap<String, u64>,
}

impl Server {
    /// Starts one on this host, with a certificate and its key, and returns once it serves.
    pub(crate) fn start(
        host: &Host,
        transport: Transport,
        listen: SocketAddr,
        root: &Path,
        identity: &[PathBuf; 2],
    ) -> Self {
        let listen = listen.to_string();
        let mut words = vec!["serve", "--json", "--listen", &listen];
        let paths = [root, &identity[0], &identity[1]];
        for (option, path) in ["--root", "--cert", "--key"].into_iter().zip(paths) {
            words.extend([option, path.to_str().unwrap()]);
        }
        words.extend(match transport {
            Transport::AfXdp => ["--iface", &host.link.name],
            Transport::Udp => ["--transport", "udp"],
        });
        Self(Some(Xskit::new(words.as_slice()).on(host).start().ready()))
    }

    /// SIGINT, as Ctrl-C sends it. It must end the server cleanly.
    pub(crate) fn interrupt(&mut self) -> Summary {
        self.ask_to_end();
        self.finish()
    }

    /// The same, without waiting for the end.
    pub(crate) fn ask_to_end(&self) {
        self.0.as_ref().unwrap().signal(Signal::INT);
    }

    /// Waits for the end that it was asked for.
    pub(crate) fn finish(&mut self) -> Summary {
        let ended = self.0.take().unwrap().finish();
        Summary::deserialize(ended.json()).unwrap()
    }

    /// SIGKILL; returns when nothing of the process is left.
    pub(crate) fn kill(&mut self) {
        self.0.take().unwrap().kill();
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.0.as_mut().is_some_and(Running::is_running)
    }
}

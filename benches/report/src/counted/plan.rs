//! Who does which job, in which mode.

use super::{MILLIONS, PER_PACKET, SECONDS};
use crate::job::Task;

/// One large file over HTTP/3. This job and those below are not of `xskit bench`.
pub(crate) const TRANSFER: &str = "transfer";
/// Many small files, one after another on one connection.
pub(crate) const REQUESTS: &str = "requests";
/// One small file on each of many connections.
pub(crate) const HANDSHAKES: &str = "handshakes";
/// The large file, over a long way.
pub(crate) const FAR: &str = "far";
/// The same, where some packets are lost.
pub(crate) const LOSSY: &str = "far and lossy";

/// The jobs of HTTP/3.
#[cfg(test)]
pub(crate) const FETCHES: [&str; 5] = [TRANSFER, REQUESTS, HANDSHAKES, FAR, LOSSY];

/// The jobs, in the table's order.
pub(crate) const JOBS: [&str; 9] = [
    "tx", "rx", "fwd", "ping", TRANSFER, REQUESTS, HANDSHAKES, FAR, LOSSY,
];

/// The XDP and copy mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The card reads and writes the UMEM.
    ZeroCopy,
    /// The kernel copies; the driver runs the XDP program.
    Copy,
    /// The kernel copies; the network stack runs the XDP program.
    Generic,
}

/// A backend of `xskit`, by its name on the command line.
pub(crate) type Backend = &'static str;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Xskit(Mode, Backend),
    /// The same with an XDP program that takes every frame, as xdpsock's does.
    TakingAll(Mode, Backend),
    Xdpsock(Mode),
    Sockets,
    /// The receivers' sender of bursts, with no receiver.
    Sender,
    /// `xskit serve`, fetched from by `xskit get`.
    Both(Mode, Backend),
    /// `xskit serve`, fetched from by curl.
    ToCurl(Mode, Backend),
    /// nginx with GSO, fetched from by curl.
    Nginx,
    /// The example server that comes with quiche, fetched from by curl.
    Quiche,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// One of [`JOBS`].
    pub(crate) job: &'static str,
    pub(crate) who: Who,
}

const BACKENDS: [Backend; 2] = ["rustix", "uring"];

impl Mode {
    const ALL: [Self; 3] = [Self::ZeroCopy, Self::Copy, Self::Generic];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ZeroCopy => "zero-copy",
            Self::Copy => "copy",
            Self::Generic => "generic",
        }
    }

    pub(crate) const fn options(self) -> &'static str {
        match self {
            Self::ZeroCopy => "--mode=native --zero-copy=force",
            Self::Copy => "--mode=native --zero-copy=refuse",
            Self::Generic => "--mode=generic --zero-copy=refuse",
        }
    }
}

impl Who {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Xskit(mode, backend) => format!("xskit, {}, {backend}", mode.name()),
            Self::TakingAll(mode, backend) => {
                format!("xskit, {}, {backend}, all frames", mode.name())
            }
            Self::Xdpsock(mode) => format!("xdpsock, {}", mode.name()),
            Self::Sockets => "kernel UDP sockets".to_owned(),
            Self::Sender => "the sender alone".to_owned(),
            Self::Both(mode, backend) => format!("xskit to xskit, {}, {backend}", mode.name()),
            Self::ToCurl(mode, backend) => format!("xskit to curl, {}, {backend}", mode.name()),
            Self::Nginx => "nginx to curl".to_owned(),
            Self::Quiche => "quiche's example to curl".to_owned(),
        }
    }

    /// Those that it is compared with, in the order of the table's columns.
    pub(crate) fn rivals(self) -> Vec<Self> {
        match self {
            Self::Xskit(mode, _) | Self::TakingAll(mode, _) => vec![Self::Xdpsock(mode)],
            Self::ToCurl(..) => vec![Self::Nginx, Self::Quiche],
            _ => Vec::new(),
        }
    }
}

impl Entry {
    /// The job, if it is one of `xskit bench`.
    pub(crate) fn task(&self) -> Option<Task> {
        let all = [Task::Tx, Task::Rx, Task::Fwd, Task::Ping];
        all.into_iter().find(|task| task.word() == self.job)
    }

    /// The figure that is compared.
    pub(crate) fn unit(&self) -> &'static str {
        match self.job {
            FAR | LOSSY => SECONDS,
            TRANSFER | REQUESTS | HANDSHAKES => MILLIONS,
            _ => PER_PACKET,
        }
    }
}

/// Every count, in the table's order.
pub(crate) fn entries() -> Vec<Entry> {
    JOBS.into_iter().flat_map(of_job).collect()
}

fn of_job(job: &'static str) -> Vec<Entry> {
    // A sender's packets pass no XDP program, so generic mode is copy mode.
    let modes: &[Mode] = if job == "tx" {
        &Mode::ALL[..2]
    } else {
        &Mode::ALL
    };
    let ways = |who: fn(Mode, Backend) -> Who| {
        let with = move |mode: &Mode| BACKENDS.map(|backend| who(*mode, backend));
        modes.iter().flat_map(with)
    };
    let all: Vec<Who> = match job {
        TRANSFER => {
            // curl receives through kernel sockets, whatever the server's mode.
            let curl =
                ways(Who::ToCurl).filter(|who| !matches!(who, Who::ToCurl(Mode::Generic, _)));
            let others = [Who::Nginx, Who::Quiche];
            ways(Who::Both).chain(curl).chain(others).collect()
        }
        REQUESTS | HANDSHAKES | FAR | LOSSY => {
            let ours = Who::ToCurl(Mode::ZeroCopy, BACKENDS[0]);
            vec![ours, Who::Nginx, Who::Quiche]
        }
        "ping" => ways(Who::Xskit).chain([Who::Sockets]).collect(),
        _ => {
            let xdpsock = modes.iter().map(|mode| Who::Xdpsock(*mode));
            let receives = job == "rx";
            let all = modes.iter().map(|mode| Who::TakingAll(*mode, BACKENDS[0]));
            let sender = receives.then_some(Who::Sender);
            let rest = xdpsock.chain([Who::Sockets]).chain(sender);
            ways(Who::Xskit)
                .chain(all.filter(|_| receives))
                .chain(rest)
                .collect()
        }
    };
    all.into_iter().map(|who| Entry { job, who }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_count_has_a_name_of_its_own_and_its_rival_is_counted_too() {
        let entries = entries();
        let names: BTreeSet<_> = entries.iter().map(|it| (it.job, it.who.name())).collect();
        assert_eq!(names.len(), entries.len());
        for entry in &entries {
            let rivals = entry.who.rivals().into_iter();
            let mut rivals = rivals.filter(|_| entry.job != "ping");
            let is_there = |rival| {
                entries.contains(&Entry {
                    who: rival,
                    ..entry.clone()
                })
            };
            assert!(rivals.all(is_there), "{entry:?}");
            assert_eq!(entry.task().is_none(), FETCHES.contains(&entry.job));
        }
    }
}

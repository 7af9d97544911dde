//! `Team`: the steps that workers take together, and what all of them share.
//!
//! ```text
//! each worker   opens its socket                  (with privileges)
//! the first     attaches the XDP program, with all sockets behind it
//! each worker   gives everything up               (a thread can do so for itself alone)
//! the first     says that the server is ready
//! each worker   serves
//! ```

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::{Context, anyhow};
use xskit::net::Link;
use xskit::quic::server::Guests;
use xskit::quic::{Files, Http, HttpCommon, HttpConfig, Root, ServerConfig, udp_payload_for_mtu};

use super::READY;
use super::access_log::AccessLog;
use super::confine::{Confinement, Reading};
use super::credentials::Credentials;
use super::news::News;
use super::summary::{ServeSummary, Share};
use super::worker::Task;
use crate::args::ServeArgs;
use crate::report;
use crate::stop::{Reload, Stop};
use crate::zone;

/// What all workers share.
pub(super) struct Team<'a> {
    pub(super) args: &'a ServeArgs,
    credentials: Credentials<'a>,
    pub(super) config: ServerConfig,
    common: HttpCommon,
    confinement: Confinement,
    pub(super) stop: Stop,
    reload: Reload,
    pub(super) log: Option<AccessLog>,
    /// Each takes a descriptor.
    max_tcp_connections: usize,
    pub(super) news: News,
    workers: usize,
    /// Workers that still have something under way while draining.
    busy: AtomicUsize,
}

/// Ends the whole server when a worker ends, also by a panic: a server that ends is noticed, a
/// queue that is not served is not.
pub(super) struct EndsAll<'a>(pub(super) &'a Stop);

impl Drop for EndsAll<'_> {
    fn drop(&mut self) {
        self.0.ask();
    }
}

/// Sockets by their queues.
type Descriptors = Vec<(u32, OwnedFd)>;

/// A worker's end of the steps that are taken together.
pub(super) struct Steps {
    done: Sender<anyhow::Result<Descriptors>>,
    next: Receiver<()>,
    share: Sender<Share>,
}

/// The first worker's end.
pub(super) struct Others {
    done: Receiver<anyhow::Result<Descriptors>>,
    next: Vec<Sender<()>>,
    shares: Receiver<Share>,
}

impl Steps {
    /// Reports a step, and waits until all have taken it. False if there is no next one.
    pub(super) fn take(&self, outcome: anyhow::Result<Descriptors>) -> bool {
        let is_done = outcome.is_ok();
        // Fails if the first worker has failed.
        let is_heard = self.done.send(outcome).is_ok();
        is_done && is_heard && self.next.recv().is_ok()
    }

    /// Reports why there is no next step.
    pub(super) fn fail(&self, error: anyhow::Error) {
        self.take(Err(error));
    }

    /// Sends this worker's counts.
    pub(super) fn tell(&self, share: Share) {
        let _ = self.share.send(share);
    }
}

impl Drop for Steps {
    /// A worker that panics takes no further step; the first worker must not wait for one.
    fn drop(&mut self) {
        let _ = self.done.send(Err(anyhow!("a worker's thread has ended")));
    }
}

impl Others {
    /// Waits until all others have taken a step, and returns what they sent along.
    pub(super) fn wait(&self) -> anyhow::Result<Descriptors> {
        let mut descriptors = Vec::new();
        for _ in &self.next {
            let outcome = self.done.recv();
            descriptors.extend(outcome.context("a worker's thread has ended")??);
        }
        Ok(descriptors)
    }

    /// The others' counts, as they end.
    pub(super) fn shares(&self) -> impl Iterator<Item = Share> {
        self.shares.iter()
    }

    pub(super) fn go_on(&self) {
        for next in &self.next {
            // A worker that is gone has reported why, or does when it is joined.
            let _ = next.send(());
        }
    }
}

impl<'a> Team<'a> {
    /// Reads the certificate and opens the access log. A self-signed certificate is for the
    /// addresses of `link`, or of the host.
    pub(super) fn new(
        args: &'a ServeArgs,
        confinement: Confinement,
        link: Option<&'a Link>,
        mtu_bytes: u32,
        workers: usize,
    ) -> anyhow::Result<Self> {
        let credentials = Credentials::new(args, link);
        let (mut config, mut http) = (
            ServerConfig::new(credentials.read()?),
            HttpConfig::default(),
        );
        config.transport.max_udp_payload_bytes =
            udp_payload_for_mtu(mtu_bytes as usize, args.listen.is_ipv6());
        config.diagnostics = args.diagnostics.open(Some(&args.root))?;
        let has_tcp = !args.tcp.no_tcp;
        let bounds = &args.bounds;
        let max_tcp_connections = bounds.configure(&mut config, &mut http, workers, has_tcp);
        config.connection_ids = Arc::clone(&args.cid_format.0);
        // Replayed early data does no harm: reading a file twice changes nothing.
        config.early_data = true;
        let open_log = |path| AccessLog::open(path, &args.root);
        let log = args.access_log.as_deref().map(open_log).transpose()?;
        Ok(Self {
            args,
            credentials,
            config,
            common: HttpCommon::new(&http),
            confinement,
            stop: Stop::on_signals()?,
            reload: match args.self_signed && log.is_none() {
                true => Reload::default(),
                false => Reload::on_signal()?,
            },
            log,
            max_tcp_connections,
            news: News::default(),
            workers,
            busy: AtomicUsize::new(workers),
        })
    }

    /// Runs the tasks, the first one on this thread, until a signal comes or one fails.
    pub(super) fn run(&self, tasks: Vec<Task<'_>>) -> anyhow::Result<ServeSummary> {
        let mut tasks = tasks.into_iter();
        let first = tasks.next().context("no queue is served")?;
        let (done, all_done) = channel();
        let (share, shares) = channel();
        thread::scope(|scope| {
            let mut others = Others {
                done: all_done,
                next: Vec::new(),
                shares,
            };
            let mut threads = Vec::new();
            for task in tasks {
                let (next, its_next) = channel();
                others.next.push(next);
                let steps = Steps {
                    done: done.clone(),
                    next: its_next,
                    share: share.clone(),
                };
                let thread =
                    thread::Builder::new().name(format!("queue {}", task.nic.config.queue));
                let thread = thread.spawn_scoped(scope, move || {
                    let _ends = EndsAll(&self.stop);
                    task.assist(self, &steps)
                });
                threads.push(thread.context("clone(2) of a thread for a queue")?);
            }
            drop((done, share));
            let ends = EndsAll(&self.stop);
            let outcome = first.lead(self, &others);
            // Workers that wait for a next step learn that there is none.
            drop((others, ends));
            for thread in threads {
                thread.join().map_err(|_| anyhow!("a worker panicked"))??;
            }
            outcome
        })
    }

    pub(super) fn has_others(&self) -> bool {
        self.workers > 1
    }

    /// Call once a worker has finished what was under way. Until all have, it still hands over
    /// packets that arrive at its queue.
    pub(super) fn has_finished(&self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn all_have_finished(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }

    /// Gives up, on this thread, what only the set-up needed.
    pub(super) fn confine(&self, works: impl Fn() -> bool) -> anyhow::Result<()> {
        let log = self.log.as_ref().map(AccessLog::directory).transpose()?;
        let log = log.flatten();
        let logs = log.iter().map(AsFd::as_fd);
        #[cfg(feature = "qlog")]
        let logs = logs.chain(self.config.diagnostics.qlog.iter().map(AsFd::as_fd));
        let reading = Reading {
            root: &self.args.root,
            again: self.credentials.files(),
            logs: logs.collect(),
        };
        self.confinement.enter(&reading, works)
    }

    /// Reports that it serves, and over which sockets.
    pub(super) fn say_ready(&self, way: impl fmt::Display) {
        let beside = match self.args.tcp.no_tcp {
            true => "",
            false => ", and over TCP",
        };
        report::say(format_args!(
            "{READY} {} at https://{}/ {way}{beside}",
            self.args.root.display(),
            zone::bare(self.args.listen)
        ));
    }

    /// What answers one worker's requests.
    pub(super) fn http(&self) -> anyhow::Result<Http<Files>> {
        let root = Root::open(&self.args.root)?.with_dotfiles(self.args.dotfiles);
        let http = Http::for_worker(Files::new(root), self.common.clone())?;
        Ok(match self.log.clone() {
            Some(log) => http.on_response(move |served| log.note(served)),
            None => http,
        })
    }

    /// The limits of TCP clients.
    pub(super) fn guests(&self) -> Guests {
        let mut config = self.config.clone();
        config.max_connections = self.max_tcp_connections;
        Guests::new(&config)
    }

    /// Lines that the access log lacks.
    pub(super) fn log_lines_lost(&self) -> u64 {
        self.log.as_ref().map_or(0, AccessLog::lost)
    }

    /// After SIGHUP: reopens the access log, and reads the certificate again, for new connections.
    pub(super) fn reload(&self) {
        if !self.reload.take() {
            return;
        }
        if let Some(log) = &self.log {
            log.reopen(self.confinement.name());
        }
        if !self.args.self_signed {
            self.reload_identity();
        }
    }

    fn reload_identity(&self) {
        match self.credentials.read() {
            Ok(identity) => {
                self.news.tell_of_identity(identity);
                report::say(format_args!("xskit: note: the certificate was read again"));
            }
            Err(error) => self.say_stale(&error),
        }
    }

    /// Warns that the certificate could not be replaced.
    pub(super) fn say_stale(&self, error: &anyhow::Error) {
        report::say(format_args!(
            "xskit: warning: SIGHUP: {}; the certificate stays as it was (serve runs as {} now: \
             let that user read the files, or choose another --user)",
            report::describe(error),
            self.confinement.name()
        ));
    }
}

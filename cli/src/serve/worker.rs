//! `Task`: what one worker does, on one queue.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::Context;
use xskit::net::Changes;
use xskit::quic::driver::{DriverConfig, DriverError};
use xskit::quic::{FileServer, Files, Http, Root, Server, Worker};
use xskit::wire::Link;

use super::summary::{ServeSummary, Share};
use super::team::{Known, Others, Steps, Team};
use crate::access_log::AccessLog;
use crate::attached::Attached;
use crate::nic::Nic;
use crate::session::{self, Driver, Socket};
use crate::stop::LONGEST_WAIT;
use crate::trust;

/// How long goodbyes may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// A worker, and the queue that it is for.
pub(super) struct Task<'a> {
    pub(super) nic: &'a Nic,
    pub(super) worker: Worker<Link>,
}

impl Task<'_> {
    /// The first worker's way, which also does what is done once.
    pub(super) fn lead(self, team: &Team<'_>, others: &Others) -> anyhow::Result<ServeSummary> {
        let nic = self.nic;
        let (mut socket, server) = self.open(team)?;
        socket.with(|socket| {
            let descriptors = others.wait()?;
            let mut behind = vec![(nic.config.queue, socket.handle().as_fd())];
            behind.extend(descriptors.iter().map(|(queue, fd)| (*queue, fd.as_fd())));
            let mut attached = nic.attach_all(&behind, &team.stop, &team.taking())?;
            drop(descriptors);
            others.go_on();
            let mode = attached.mode(socket);
            team.confine(|| attached.malformed().is_ok())?;
            others.wait()?;
            team.say_ready(nic, &attached, &mode);
            others.go_on();
            let mut serving = Serving::new(team, nic, server, socket)?;
            serving.run(Some(&mut attached))?;
            attached.warn();
            attached.warn_of_length(serving.driver.socket());
            let mut sum = serving.share()?;
            // All have ended, or are about to.
            team.stop.ask();
            others.shares().for_each(|share| sum.add(&share));
            let socket = serving.driver.socket();
            session::trace_setup(socket);
            let lost = team.log.as_ref().map_or(0, AccessLog::lost);
            let summary = ServeSummary::new(mode, nic, socket, &attached, &sum)?;
            Ok(summary.with_log_lines_lost(lost))
        })
    }

    /// Every other worker's way. Of what goes wrong before it serves, `steps` tell the first one.
    pub(super) fn assist(self, team: &Team<'_>, steps: &Steps) -> anyhow::Result<()> {
        let nic = self.nic;
        let (mut socket, server) = match self.open(team) {
            Ok(opened) => opened,
            Err(error) => {
                steps.fail(error);
                return Ok(());
            }
        };
        let outcome = socket.with(|socket| {
            let descriptor = duplicate(socket).map(|fd| vec![(nic.config.queue, fd)]);
            let is_ready =
                steps.take(descriptor) && steps.take(team.confine(|| true).map(|()| vec![]));
            if !is_ready {
                return Ok(());
            }
            let mut serving = Serving::new(team, nic, server, socket)?;
            serving.run(None)?;
            steps.tell(serving.share()?);
            Ok(())
        });
        if outcome.is_err() {
            // A server that ends is seen; a queue that nobody serves is not.
            team.stop.ask();
        }
        outcome
    }

    /// The socket, and the server that goes with it.
    fn open(self, team: &Team<'_>) -> anyhow::Result<(xskit::Socket, FileServer<Link>)> {
        let socket = session::open(self.nic)?;
        if team.has_others {
            let waker = socket.waker().context("eventfd(2)")?;
            self.worker.on_handover(move || waker.wake());
        }
        let root = Root::open(&team.args.root)?.with_dotfiles(team.args.dotfiles);
        let mut http = Http::for_worker(Files::new(root), team.common.clone())?;
        if let Some(log) = team.log.clone() {
            http = http.on_response(move |served| log.note(served));
        }
        let mut server = Server::for_worker(&team.config, self.worker, http)?;
        server.judge_links(trust::link_judge(&self.nic.link));
        Ok((socket, server))
    }
}

/// The socket by another descriptor, which another thread may have.
fn duplicate(socket: &Socket<'_>) -> anyhow::Result<OwnedFd> {
    let descriptor = socket.handle().as_fd().try_clone_to_owned();
    descriptor.context("fcntl(F_DUPFD_CLOEXEC) of the socket")
}

/// A worker at work.
struct Serving<'t, 's, 'u> {
    team: &'t Team<'t>,
    nic: &'t Nic,
    server: FileServer<Link>,
    driver: Driver<'s, 'u>,
    known: Known,
}

impl<'t, 's, 'u> Serving<'t, 's, 'u> {
    fn new(
        team: &'t Team<'_>,
        nic: &'t Nic,
        server: FileServer<Link>,
        socket: &'s mut Socket<'u>,
    ) -> anyhow::Result<Self> {
        let mut driver = Driver::new(socket, DriverConfig::default());
        trust::follow(&mut driver, &nic.link, Changes::ALL)?;
        Ok(Self {
            team,
            nic,
            server,
            driver,
            known: Known::default(),
        })
    }

    /// Serves until a signal comes. Who has the XDP program looks after what is there once.
    fn run(&mut self, attached: Option<&mut Attached>) -> anyhow::Result<()> {
        let nic = self.nic;
        self.serve(attached)
            .and_then(|()| self.say_farewell())
            .map_err(|error| nic.socket_failed(error))
    }

    fn serve(&mut self, mut attached: Option<&mut Attached>) -> Result<(), DriverError> {
        while !self.team.stop.is_asked() {
            let rested = self.turn(LONGEST_WAIT)?;
            if let Some(attached) = &mut attached {
                self.look_after(attached, rested);
            }
            self.follow();
        }
        Ok(())
    }

    /// A turn, and a rest if there was nothing to do; whether there was one.
    fn turn(&mut self, longest: Duration) -> Result<bool, DriverError> {
        let taken_over = self.server.take_over(Instant::now());
        let moved = self.driver.turn(&mut self.server)? || taken_over > 0;
        if let Some(log) = &self.team.log {
            log.flush();
        }
        self.driver.rest(&mut self.server, moved, longest)
    }

    /// What is there once: the interface, its warnings, and the certificate.
    fn look_after(&mut self, attached: &mut Attached, rested: bool) {
        let changes = attached.watch(rested);
        attached.watch_length(rested, self.driver.socket());
        if changes.addresses || changes.routes {
            self.team.news.tell_of_addresses();
        }
        self.team.reload();
    }

    /// Follows what the first worker has found out.
    fn follow(&mut self) {
        if self.known.learn_addresses(&self.team.news)
            && let Err(error) = trust::follow(&mut self.driver, &self.nic.link, Changes::ALL)
        {
            // What was believed before is believed until the next change.
            tracing::warn!("whose packets to believe could not be asked: {error}");
        }
        if let Some(identity) = self.known.learn_identity(&self.team.news)
            && let Err(error) = self.server.set_identity(&identity)
        {
            self.team.say_stale(&error.into());
        }
    }

    /// Finishes what is under way, closes every connection, and lets the last packets out.
    fn say_farewell(&mut self) -> Result<(), DriverError> {
        self.server.drain();
        self.finish_by(Instant::now() + self.team.args.drain)?;
        self.server.close_all(Instant::now());
        self.finish_by(Instant::now() + FAREWELL)
    }

    fn finish_by(&mut self, deadline: Instant) -> Result<(), DriverError> {
        while !self.server.is_drained() && Instant::now() < deadline {
            self.turn(Duration::from_millis(10))?;
        }
        Ok(())
    }

    fn share(&mut self) -> anyhow::Result<Share> {
        let socket = self.driver.socket();
        let statistics = socket.statistics().context("getsockopt(XDP_STATISTICS)")?;
        Ok(Share {
            statistics,
            calls: xskit::af_xdp::backend::Backend::calls(socket.backend()),
            driver: self.driver.counters().clone(),
            server: self.server.stats(),
            http: *self.server.application().counters(),
        })
    }
}

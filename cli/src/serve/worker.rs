//! `Task`: what one worker does, on one queue.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use anyhow::Context;
use xskit::af_xdp::backend::Backend;
use xskit::net::Changes;
use xskit::quic::driver::DriverConfig;
use xskit::quic::{FileServer, Server, Worker};
use xskit::wire::LinkPath;

use super::serving::{Serving, Way};
use super::summary::{ServeSummary, Served, Share};
use super::team::{Others, Steps, Team};
use super::trust;
use crate::args::AfXdpArgs;
use crate::nic::Nic;
use crate::nic::attached::Attached;
use crate::nic::own::{Taking, Wanted};
use crate::nic::socket::{self, Driver, Socket};
use crate::zone;

/// A worker, and its queue.
pub(super) struct Task<'a> {
    pub(super) nic: &'a Nic,
    pub(super) options: &'a AfXdpArgs,
    pub(super) worker: Worker<LinkPath>,
}

impl Task<'_> {
    /// The first worker's part, which includes everything done once.
    pub(super) fn lead(self, team: &Team<'_>, others: &Others) -> anyhow::Result<ServeSummary> {
        let (nic, taking) = (self.nic, self.taking(team));
        let (mut socket, server) = self.open(team)?;
        socket.with(|socket| {
            let descriptors = others.wait()?;
            let mut behind = vec![(nic.config.queue, socket.handle().as_fd())];
            behind.extend(descriptors.iter().map(|(queue, fd)| (*queue, fd.as_fd())));
            let mut attached = nic.attach_all(&behind, &team.stop, &taking)?;
            drop(descriptors);
            others.go_on();
            let mode = attached.mode(socket);
            team.confine(|| attached.malformed().is_ok())?;
            others.wait()?;
            let (name, queues) = (&nic.link.name, attached.queues());
            team.say_ready(format_args!("on {name} {queues} ({mode})"));
            others.go_on();
            let way = AfXdp::new(nic, socket, Some(&mut attached))?;
            let mut serving = Serving::new(team, server, way);
            serving.run()?;
            let mut sum = serving.share()?;
            // The others have ended, or are about to.
            team.stop.ask();
            others.shares().for_each(|share| sum.add(&share));
            let AfXdp { mut driver, .. } = serving.way;
            attached.warn();
            attached.warn_of_length(driver.socket());
            let socket = driver.socket();
            socket::trace_setup(socket);
            ServeSummary::of_sockets(mode, nic, socket, &attached, &sum)
        })
    }

    /// Every other worker's part. Errors before it serves go to the first worker through `steps`.
    pub(super) fn assist(self, team: &Team<'_>, steps: &Steps) -> anyhow::Result<()> {
        let nic = self.nic;
        let (mut socket, server) = match self.open(team) {
            Ok(opened) => opened,
            Err(error) => {
                steps.fail(error);
                return Ok(());
            }
        };
        socket.with(|socket| {
            let descriptor = duplicate(socket).map(|fd| vec![(nic.config.queue, fd)]);
            let is_ready =
                steps.take(descriptor) && steps.take(team.confine(|| true).map(|()| vec![]));
            if !is_ready {
                return Ok(());
            }
            let mut serving = Serving::new(team, server, AfXdp::new(nic, socket, None)?);
            serving.run()?;
            steps.tell(serving.share()?);
            Ok(())
        })
    }

    /// What to take off the interface.
    fn taking(&self, team: &Team<'_>) -> Taking {
        let listen = zone::bare(team.args.listen);
        Taking::Own(Wanted {
            vlans: self.options.vlan.clone(),
            any_mac: self.options.any_mac,
            ..Wanted::new(listen.port(), listen.ip())
        })
    }

    /// The socket, and its server.
    fn open(self, team: &Team<'_>) -> anyhow::Result<(xskit::Socket, FileServer<LinkPath>)> {
        let socket = socket::open(self.nic)?;
        if team.has_others() {
            let waker = socket.waker().context("eventfd(2)")?;
            self.worker.on_handover(move || waker.wake());
        }
        let mut server = Server::for_worker(&team.config, self.worker, team.http()?)?;
        server.judge_links(trust::link_judge(&self.nic.link));
        Ok((socket, server))
    }
}

/// Another descriptor of the socket, for another thread.
fn duplicate(socket: &Socket<'_>) -> anyhow::Result<OwnedFd> {
    let descriptor = socket.handle().as_fd().try_clone_to_owned();
    descriptor.context("fcntl(F_DUPFD_CLOEXEC) of the socket")
}

/// A socket's driver, and the interface that it follows.
struct AfXdp<'n, 's, 'u> {
    nic: &'n Nic,
    driver: Driver<'s, 'u>,
    /// The XDP program, which the first worker has.
    attached: Option<&'n mut Attached>,
}

impl<'n, 's, 'u> AfXdp<'n, 's, 'u> {
    fn new(
        nic: &'n Nic,
        socket: &'s mut Socket<'u>,
        attached: Option<&'n mut Attached>,
    ) -> anyhow::Result<Self> {
        let mut driver = Driver::new(socket, DriverConfig::default());
        trust::follow(&mut driver, &nic.link, Changes::ALL)?;
        Ok(Self {
            nic,
            driver,
            attached,
        })
    }
}

impl Way for AfXdp<'_, '_, '_> {
    type LinkPath = LinkPath;

    fn turn(&mut self, server: &mut FileServer<LinkPath>) -> anyhow::Result<bool> {
        let turned = self.driver.turn(server);
        turned.map_err(|error| self.nic.socket_failed(error))
    }

    fn rest(
        &mut self,
        server: &mut FileServer<LinkPath>,
        moved: bool,
        longest: Duration,
    ) -> anyhow::Result<bool> {
        let rested = self.driver.rest(server, moved, longest);
        rested.map_err(|error| self.nic.socket_failed(error))
    }

    /// The interface, its warnings, and the certificate.
    fn look_after(&mut self, team: &Team<'_>, rested: bool) {
        let Some(attached) = &mut self.attached else {
            return;
        };
        let changes = attached.watch(rested);
        attached.watch_length(rested, self.driver.socket());
        if changes.addresses || changes.routes {
            team.news.tell_of_addresses();
        }
        team.reload();
    }

    fn follow_addresses(&mut self) {
        if let Err(error) = trust::follow(&mut self.driver, &self.nic.link, Changes::ALL) {
            // The previous answer holds until the next change.
            tracing::warn!(
                "the kernel's addresses and reverse path check could not be read: {error}"
            );
        }
    }
}

impl Serving<'_, AfXdp<'_, '_, '_>> {
    fn share(&mut self) -> anyhow::Result<Share> {
        let served = Served::new(self.way.driver.counters(), &self.server);
        let socket = self.way.driver.socket();
        let statistics = socket.statistics().context("getsockopt(XDP_STATISTICS)")?;
        Ok(Share {
            statistics,
            calls: socket.backend().calls(),
            served,
        })
    }
}

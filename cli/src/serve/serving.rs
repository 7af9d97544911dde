//! `Serving`: a worker at work, over sockets of either kind.

use std::time::{Duration, Instant};

use xskit::quic::FileServer;

use super::team::{Known, Team};
use crate::stop::LONGEST_WAIT;

/// How long goodbyes may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// How a worker's packets come and go.
pub(super) trait Way {
    /// Its clients' way on the link layer.
    type Link: Copy + PartialEq;

    /// Moves what can be moved. The answer is for `rest`.
    fn turn(&mut self, server: &mut FileServer<Self::Link>) -> anyhow::Result<bool>;

    /// Waits for `longest` at most, once there is nothing to do. Says whether it waited.
    fn rest(
        &mut self,
        server: &mut FileServer<Self::Link>,
        moved: bool,
        longest: Duration,
    ) -> anyhow::Result<bool>;

    /// Looks after what is there once, if that is this worker's part.
    fn look_after(&mut self, team: &Team<'_>, rested: bool);

    /// Addresses or routes have changed.
    fn follow_addresses(&mut self);
}

pub(super) struct Serving<'t, W: Way> {
    team: &'t Team<'t>,
    pub(super) server: FileServer<W::Link>,
    pub(super) way: W,
    known: Known,
}

impl<'t, W: Way> Serving<'t, W> {
    pub(super) fn new(team: &'t Team<'_>, server: FileServer<W::Link>, way: W) -> Self {
        Self {
            team,
            server,
            way,
            known: Known::default(),
        }
    }

    /// Serves until a signal comes.
    pub(super) fn run(&mut self) -> anyhow::Result<()> {
        while !self.team.stop.is_asked() {
            let rested = self.turn(LONGEST_WAIT)?;
            self.way.look_after(self.team, rested);
            self.follow();
        }
        self.say_farewell()
    }

    /// A turn, and a rest if there was nothing to do; whether there was one.
    fn turn(&mut self, longest: Duration) -> anyhow::Result<bool> {
        let taken_over = self.server.take_over(Instant::now());
        let moved = self.way.turn(&mut self.server)? || taken_over > 0;
        if let Some(log) = &self.team.log {
            log.flush();
        }
        self.way.rest(&mut self.server, moved, longest)
    }

    /// Follows what the first worker has found out.
    fn follow(&mut self) {
        if self.known.learn_addresses(&self.team.news) {
            self.way.follow_addresses();
        }
        if let Some(identity) = self.known.learn_identity(&self.team.news)
            && let Err(error) = self.server.set_identity(&identity)
        {
            self.team.say_stale(&error.into());
        }
    }

    /// Finishes what is under way, closes every connection, and lets the last packets out.
    fn say_farewell(&mut self) -> anyhow::Result<()> {
        self.server.drain();
        self.finish_by(Instant::now() + self.team.args.drain)?;
        self.server.close_all(Instant::now());
        self.finish_by(Instant::now() + FAREWELL)
    }

    fn finish_by(&mut self, deadline: Instant) -> anyhow::Result<()> {
        while !self.server.is_drained() && Instant::now() < deadline {
            self.turn(Duration::from_millis(10))?;
        }
        Ok(())
    }
}

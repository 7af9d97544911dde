//! `Serving`: the loop of a worker, over either kind of socket.

use std::time::{Duration, Instant};

use xskit::quic::FileServer;

use super::news::Known;
use super::team::Team;
use crate::stop::LONGEST_WAIT;

/// How long closing the connections may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// Between looks at the clock while draining.
const SHORT_WAIT: Duration = Duration::from_millis(10);

/// How a worker's packets are received and sent.
pub(super) trait Way {
    /// A client's link-layer path; nothing over a kernel socket.
    type LinkPath: Copy + PartialEq;

    /// Receives and sends what it can. Pass the result to `rest`.
    fn turn(&mut self, server: &mut FileServer<Self::LinkPath>) -> anyhow::Result<bool>;

    /// Waits for at most `longest` if there is nothing to do. Returns whether it waited.
    fn rest(
        &mut self,
        server: &mut FileServer<Self::LinkPath>,
        moved: bool,
        longest: Duration,
    ) -> anyhow::Result<bool>;

    /// Looks after what the whole server has once, if this worker does that.
    fn look_after(&mut self, team: &Team<'_>, rested: bool);

    /// Addresses or routes have changed.
    fn follow_addresses(&mut self);
}

pub(super) struct Serving<'t, W: Way> {
    team: &'t Team<'t>,
    pub(super) server: FileServer<W::LinkPath>,
    pub(super) way: W,
    known: Known,
}

impl<'t, W: Way> Serving<'t, W> {
    pub(super) fn new(team: &'t Team<'_>, server: FileServer<W::LinkPath>, way: W) -> Self {
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
            self.go_round(LONGEST_WAIT)?;
        }
        self.say_farewell()
    }

    /// A turn, then everything else that needs looking after.
    fn go_round(&mut self, longest: Duration) -> anyhow::Result<()> {
        let rested = self.turn(longest)?;
        self.way.look_after(self.team, rested);
        self.follow();
        Ok(())
    }

    /// A turn, and a rest if there was nothing to do. Returns whether it rested.
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

    /// Waits until all workers have finished what is under way, closes every connection, and sends
    /// the last packets.
    fn say_farewell(&mut self) -> anyhow::Result<()> {
        self.server.drain();
        let mut deadline = Instant::now() + self.team.args.drain;
        let mut is_busy = true;
        while Instant::now() < deadline {
            if is_busy && self.server.is_drained() {
                is_busy = false;
                self.team.has_finished();
            }
            if self.team.all_have_finished() {
                break;
            }
            self.go_round(SHORT_WAIT)?;
        }
        self.server.close_all(Instant::now());
        deadline = Instant::now() + FAREWELL;
        while !self.server.is_drained() && Instant::now() < deadline {
            self.turn(SHORT_WAIT)?;
        }
        Ok(())
    }
}

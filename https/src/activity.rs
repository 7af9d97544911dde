//! `Activity`: whose move it is on a connection, and until when it must be made.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use tokio::sync::Notify;

use crate::runtime::Runtime;

/// Requests that a client may give up, beyond those that it takes to the end: many are no accident, and each has cost
/// nearly what an answer does.
const MAX_GIVEN_UP: u32 = 1000;

/// Limits, as [`ServerConfig`](xskit_quic::ServerConfig) has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Nothing is asked for this long.
    pub(crate) request: Duration,
    /// Something is under way, it is the client's move, and for this long it takes or brings no byte of a body.
    pub(crate) response: Duration,
}

/// What a connection's requests and their bodies tell of it.
#[derive(Debug)]
pub(crate) struct Activity {
    limits: Limits,
    /// Requests whose responses were not written to their end.
    open: Cell<usize>,
    /// Of these, those on which the client is to take or to bring something.
    of_client: Cell<usize>,
    /// Pieces of bodies that hyper has.
    pieces: Cell<usize>,
    /// When the client last took or brought something that it was to.
    moved: Cell<Instant>,
    /// When the last request ended; before the first, when the connection began.
    asked: Cell<Instant>,
    given_up: Cell<u32>,
    excess: Notify,
    is_gone: Cell<bool>,
}

impl Activity {
    pub(crate) fn new(limits: Limits) -> Rc<Self> {
        let now = Instant::now();
        Rc::new(Self {
            limits,
            open: Cell::new(0),
            of_client: Cell::new(0),
            pieces: Cell::new(0),
            moved: Cell::new(now),
            asked: Cell::new(now),
            given_up: Cell::new(0),
            excess: Notify::new(),
            is_gone: Cell::new(false),
        })
    }

    /// The client has taken or brought something.
    pub(crate) fn touch(&self) {
        self.moved.set(Instant::now());
    }

    /// Whether it is the client's move on one more of the requests, or one less.
    pub(crate) fn count_of_client(&self, is_more: bool) {
        let before = self.of_client.get();
        match is_more {
            true => {
                self.touch();
                self.of_client.set(before + 1);
            }
            false => self.of_client.set(before.saturating_sub(1)),
        }
    }

    /// The client has given a request up.
    pub(crate) fn count_given_up(&self) {
        self.given_up.set(self.given_up.get().saturating_add(1));
        if self.given_up.get() > MAX_GIVEN_UP {
            self.excess.notify_one();
        }
    }

    /// A response was handed over to its end.
    pub(crate) fn count_complete(&self) {
        self.given_up.set(self.given_up.get().saturating_sub(1));
    }

    /// The connection is over.
    pub(crate) fn end(&self) {
        self.is_gone.set(true);
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.get()
    }

    /// `None` while it is the handlers' move, or without end.
    fn deadline(&self) -> Option<Instant> {
        if self.open.get() == 0 {
            return self.asked.get().checked_add(self.limits.request);
        }
        let is_clients = self.of_client.get() + self.pieces.get() > 0;
        is_clients
            .then(|| self.moved.get().checked_add(self.limits.response))
            .flatten()
    }

    /// Until the client has let a limit pass, or has given up too much.
    pub(crate) async fn lapse(&self, runtime: Runtime) {
        // Whose move it is may change meanwhile, and the deadline come earlier by that.
        let longest = self.limits.request.min(self.limits.response);
        loop {
            let now = Instant::now();
            let left = self.deadline().map(|it| it.saturating_duration_since(now));
            if left.is_some_and(|left| left.is_zero()) {
                return;
            }
            let pause = runtime.sleep(left.unwrap_or(longest).min(longest));
            tokio::select! {
                () = self.excess.notified() => return,
                () = pause => {}
            }
        }
    }
}

/// A request, until its response was written to its end.
#[derive(Debug)]
pub(crate) struct Open(Rc<Activity>);

impl Open {
    pub(crate) fn new(activity: &Rc<Activity>) -> Rc<Self> {
        activity.open.set(activity.open.get() + 1);
        activity.touch();
        Rc::new(Self(Rc::clone(activity)))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get().saturating_sub(1));
        self.0.asked.set(Instant::now());
    }
}

/// A piece of a response's body, which tells when the client takes some of it.
#[derive(Debug)]
pub(crate) struct Taken {
    bytes: Bytes,
    open: Rc<Open>,
}

impl Taken {
    pub(crate) fn new(bytes: Bytes, open: &Rc<Open>) -> Self {
        let activity = &open.0;
        if activity.pieces.get() == 0 {
            activity.touch();
        }
        activity.pieces.set(activity.pieces.get() + 1);
        Self {
            bytes,
            open: Rc::clone(open),
        }
    }
}

impl Buf for Taken {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, len: usize) {
        self.open.0.touch();
        self.bytes.advance(len);
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let pieces = &self.open.0.pieces;
        pieces.set(pieces.get().saturating_sub(1));
    }
}

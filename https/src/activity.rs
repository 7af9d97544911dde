//! `Activity`: who must act next on a connection, and by when.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use tokio::sync::Notify;

use crate::runtime::Runtime;

/// Requests that a client may cancel beyond those that it takes to the end: each costs nearly as
/// much as an answer.
const MAX_GIVEN_UP: u32 = 1000;

/// The limits of [`ServerConfig`](xskit_quic::ServerConfig).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The longest time without a request.
    pub(crate) request: Duration,
    /// The longest time that the client, when it must act, may take or send no byte of a body.
    pub(crate) response: Duration,
}

/// A connection's activity, as its requests and their bodies report it.
#[derive(Debug)]
pub(crate) struct Activity {
    limits: Limits,
    /// Requests whose responses are incomplete.
    open: Cell<usize>,
    /// Those of the open requests on which the client must take or send something.
    of_client: Cell<usize>,
    /// Pieces of response bodies in hyper's hands.
    pieces: Cell<usize>,
    /// When the client last took or sent something.
    moved: Cell<Instant>,
    /// When the last request ended; at first, when the connection began.
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

    /// The client has taken or sent something.
    pub(crate) fn touch(&self) {
        self.moved.set(Instant::now());
    }

    /// The client must act on one more request, or on one less.
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

    /// The client has cancelled a request.
    pub(crate) fn count_given_up(&self) {
        self.given_up.set(self.given_up.get().saturating_add(1));
        if self.given_up.get() > MAX_GIVEN_UP {
            self.excess.notify_one();
        }
    }

    /// A response was handed over completely.
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

    /// By when the client must act; `None` if the handlers must, or if there is no limit.
    fn deadline(&self) -> Option<Instant> {
        if self.open.get() == 0 {
            return self.asked.get().checked_add(self.limits.request);
        }
        let is_clients = self.of_client.get() + self.pieces.get() > 0;
        is_clients
            .then(|| self.moved.get().checked_add(self.limits.response))
            .flatten()
    }

    /// Waits until the client has let a limit pass, or has cancelled too many requests.
    pub(crate) async fn lapse(&self, runtime: Runtime) {
        // Who must act may change meanwhile, and the deadline may become earlier.
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

/// A request, until its response is complete.
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

/// A piece of a response body, which reports when the client takes some of it.
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

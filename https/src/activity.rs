//! `Activity`: what moves on a connection, and until when something must.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Limits, as [`ServerConfig`](xskit_quic::ServerConfig) has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Nothing is asked for this long.
    pub(crate) request: Duration,
    /// Something is under way, and for this long no byte of it goes or comes.
    pub(crate) response: Duration,
}

/// Shared by a connection's bytes and its requests.
#[derive(Debug)]
pub(crate) struct Activity {
    limits: Limits,
    requests: Cell<usize>,
    /// When a byte moved last, or a request ended.
    moved: Cell<Instant>,
    /// When the last request ended; before the first, when the connection began.
    asked: Cell<Instant>,
}

impl Activity {
    pub(crate) fn new(limits: Limits) -> Rc<Self> {
        let now = Instant::now();
        Rc::new(Self {
            limits,
            requests: Cell::new(0),
            moved: Cell::new(now),
            asked: Cell::new(now),
        })
    }

    pub(crate) fn begin_request(&self) {
        self.requests.set(self.requests.get() + 1);
        self.moved.set(Instant::now());
    }

    pub(crate) fn end_request(&self) {
        self.requests.set(self.requests.get() - 1);
        self.asked.set(Instant::now());
    }

    fn deadline(&self) -> Instant {
        match self.requests.get() {
            0 => self.asked.get() + self.limits.request,
            _ => self.moved.get() + self.limits.response,
        }
    }

    /// Until the client has let a limit pass.
    pub(crate) async fn lapse(&self) {
        loop {
            let deadline = self.deadline();
            if deadline <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(deadline).await;
        }
    }
}

/// A stream of bytes that tells when some moved.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: S,
    activity: Rc<Activity>,
}

impl<S> Watched<S> {
    pub(crate) fn new(stream: S, activity: Rc<Activity>) -> Self {
        Self { stream, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        self.activity.moved.set(Instant::now());
        Poll::Ready(outcome)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_write(cx, buf));
        self.activity.moved.set(Instant::now());
        Poll::Ready(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs));
        self.activity.moved.set(Instant::now());
        Poll::Ready(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

//! compio's runtime, over io_uring(7).

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use compio::driver::ProactorBuilder;
use compio::driver::op::OpCodeFlag;
use compio::io::compat::AsyncStream;
use compio::net::{TcpListener, TcpStream};
use compio::runtime::Runtime;
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};

use super::Listener;
use crate::error::{HttpsError, failed};

/// What a connection waits with for the client's bytes.
const BUFFER_BYTES: usize = 16 << 10;

/// What one submission sends, at most, and what waits for a client that doesn't take it.
const MAX_BUFFER_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct Uring(Runtime);

impl Uring {
    pub(super) fn new() -> Result<Self, HttpsError> {
        let mut ring = ProactorBuilder::new();
        // One thread submits and waits, and it has completions dealt with when it waits: no interrupt of its own work.
        ring.single_issuer(true).defer_taskrun(true);
        // Asked of the kernel now: with its first connection it would be too late for a program that may no longer.
        ring.detect_opcode_support(OpCodeFlag::basic());
        let runtime = Runtime::builder().with_proactor(ring).build();
        Ok(Self(runtime.map_err(failed(
            "io_uring_setup(2), which takes Linux 6.1 and kernel.io_uring_disabled to be 0,",
        ))?))
    }

    /// Runs a future, and what it spawns until it is over; then drops that.
    pub(crate) fn run<T>(self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }
}

impl Listener for TcpListener {
    /// Its bytes are copied once more than tokio's: the kernel works on buffers while nothing else may.
    type Stream = Compat<Pin<Box<AsyncStream<TcpStream>>>>;

    fn new(listener: std::net::TcpListener) -> Result<Self, HttpsError> {
        Self::from_std(listener).map_err(failed("io_uring_enter(2)"))
    }

    async fn accept(&self) -> io::Result<(Self::Stream, SocketAddr)> {
        let (stream, from) = Self::accept(self).await?;
        // Of a socket that is connected this can't fail; and without it all works, slower.
        let _ = stream.set_nodelay(true);
        let stream = AsyncStream::with_limits(BUFFER_BYTES, MAX_BUFFER_BYTES, stream);
        Ok((Box::pin(stream).compat(), from))
    }

    async fn close(self) {
        // A ring that is dropped gives its sockets up later, by a worker of the kernel. This waits for the last accept to
        // be cancelled; that it fails leaves it as it would be without.
        let _ = Self::close(self).await;
    }

    fn local(stream: &Self::Stream) -> Option<IpAddr> {
        let (stream, _) = stream.get_ref().get_ref();
        Some(stream.local_addr().ok()?.ip())
    }
}

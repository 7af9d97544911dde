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

/// The initial size of a connection's buffers.
const BUFFER_BYTES: usize = 16 << 10;

/// The most bytes per send, and the most that wait for a client that doesn't take them.
const MAX_BUFFER_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct Uring(Runtime);

impl Uring {
    pub(super) fn new() -> Result<Self, HttpsError> {
        let mut ring = ProactorBuilder::new();
        // One thread submits and waits. Completions are processed while it waits, so they don't
        // interrupt it.
        ring.single_issuer(true).defer_taskrun(true);
        // Probed now: a program may have given up the right to do so by the first connection.
        ring.detect_opcode_support(OpCodeFlag::basic());
        let runtime = Runtime::builder().with_proactor(ring).build();
        Ok(Self(runtime.map_err(failed(
            "io_uring_setup(2), which needs Linux 6.1 and kernel.io_uring_disabled=0,",
        ))?))
    }

    /// Runs a future and the tasks that it spawns. Tasks left at its end are dropped.
    pub(crate) fn run<T>(self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }
}

impl Listener for TcpListener {
    /// Bytes are copied once more than with tokio, because the kernel must own the buffers
    /// meanwhile.
    type Stream = Compat<Pin<Box<AsyncStream<TcpStream>>>>;

    fn new(listener: std::net::TcpListener) -> Result<Self, HttpsError> {
        Self::from_std(listener).map_err(failed("io_uring_enter(2)"))
    }

    async fn accept(&self) -> io::Result<(Self::Stream, SocketAddr)> {
        let (stream, from) = Self::accept(self).await?;
        // Can't fail on a connected socket, and without it the server is only slower.
        let _ = stream.set_nodelay(true);
        let stream = AsyncStream::with_limits(BUFFER_BYTES, MAX_BUFFER_BYTES, stream);
        Ok((Box::pin(stream).compat(), from))
    }

    async fn close(self) {
        // A dropped ring releases its sockets later, in a kernel worker. This waits until the last
        // accept is cancelled. If it fails, the socket is closed as without it.
        let _ = Self::close(self).await;
    }

    fn local(stream: &Self::Stream) -> Option<IpAddr> {
        let (stream, _) = stream.get_ref().get_ref();
        Some(stream.local_addr().ok()?.ip())
    }
}

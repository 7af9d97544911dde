//! tokio's runtime.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use super::Listener;
use crate::error::{HttpsError, failed};

#[derive(Debug)]
pub(crate) struct Tokio(Runtime);

impl Tokio {
    pub(super) fn new() -> Result<Self, HttpsError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self(
            runtime.map_err(failed("epoll_create1(2) or socketpair(2)"))?,
        ))
    }

    /// Runs a future and the tasks that it spawns. Tasks left at its end are dropped.
    pub(crate) fn run<T>(self, future: impl Future<Output = T>) -> T {
        LocalSet::new().block_on(&self.0, future)
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn new(listener: std::net::TcpListener) -> Result<Self, HttpsError> {
        listener.set_nonblocking(true).map_err(failed("fcntl(2)"))?;
        Self::from_std(listener).map_err(failed("epoll_ctl(2)"))
    }

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, from) = Self::accept(self).await?;
        // Can't fail on a connected socket, and without it the server is only slower.
        let _ = stream.set_nodelay(true);
        Ok((stream, from))
    }

    async fn close(self) {}

    fn local(stream: &TcpStream) -> Option<IpAddr> {
        Some(stream.local_addr().ok()?.ip())
    }
}

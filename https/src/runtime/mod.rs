//! `Runtime`: runs a server's tasks on its thread, with I/O by epoll or io_uring.
//!
//! Both runtimes have tokio's stream traits, so TLS and HTTP are the same over either.

mod tokio;
#[cfg(feature = "tcp-uring")]
mod uring;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::Duration;

use ::tokio::io::{AsyncRead, AsyncWrite};

use crate::error::HttpsError;

/// A single-threaded runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Runtime {
    /// tokio: epoll(7) reports readiness, and each read or write is a system call.
    #[default]
    Tokio,
    /// compio: reads and writes are submitted to io_uring(7), many per system call. Since Linux
    /// 6.1. If the process is killed, the kernel frees the port some milliseconds later.
    #[cfg(feature = "tcp-uring")]
    Uring,
}

impl Runtime {
    /// Spawns a task on this thread. Must be called within the runtime.
    pub(crate) fn spawn(self, task: impl Future<Output = ()> + 'static) {
        match self {
            Self::Tokio => drop(::tokio::task::spawn_local(task)),
            #[cfg(feature = "tcp-uring")]
            Self::Uring => compio::runtime::spawn(task).detach(),
        }
    }

    /// Sleeps. Must be called within the runtime.
    pub(crate) async fn sleep(self, time: Duration) {
        match self {
            Self::Tokio => ::tokio::time::sleep(time).await,
            #[cfg(feature = "tcp-uring")]
            Self::Uring => compio::time::sleep(time).await,
        }
    }

    /// The future's output, or `None` if it takes longer than `time`.
    pub(crate) async fn timeout<F: Future>(self, time: Duration, future: F) -> Option<F::Output> {
        ::tokio::select! {
            biased;
            output = future => Some(output),
            () = self.sleep(time) => None,
        }
    }
}

/// A runtime that has opened its descriptors.
#[derive(Debug)]
pub(crate) enum Started {
    Tokio(self::tokio::Tokio),
    #[cfg(feature = "tcp-uring")]
    Uring(self::uring::Uring),
}

impl Started {
    pub(crate) fn new(runtime: Runtime) -> Result<Self, HttpsError> {
        Ok(match runtime {
            Runtime::Tokio => Self::Tokio(self::tokio::Tokio::new()?),
            #[cfg(feature = "tcp-uring")]
            Runtime::Uring => Self::Uring(self::uring::Uring::new()?),
        })
    }
}

/// A listening socket of a runtime.
pub(crate) trait Listener: Sized + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + 'static;

    /// Must be called within the runtime.
    fn new(listener: TcpListener) -> Result<Self, HttpsError>;

    /// The next connection, and the client's address. `TCP_NODELAY` is set: responses are written
    /// whole, so there is nothing to wait for.
    async fn accept(&self) -> io::Result<(Self::Stream, SocketAddr)>;

    /// Closes the listener. The port is free when this returns.
    async fn close(self);

    /// The local address of a connection.
    fn local(stream: &Self::Stream) -> Option<IpAddr>;
}

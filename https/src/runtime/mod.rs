//! What runs a server's tasks on its thread, and asks the kernel for connections and their bytes.
//!
//! Both have the same streams, those of tokio, so that TLS and HTTP are the same over either.

mod tokio;
#[cfg(feature = "tcp-uring")]
mod uring;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::Duration;

use ::tokio::io::{AsyncRead, AsyncWrite};

use crate::error::HttpsError;

/// A runtime of one thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Runtime {
    /// tokio: epoll(7) reports what is ready, a system call each moves the bytes.
    #[default]
    Tokio,
    /// compio: io_uring(7) moves the bytes, and one system call waits for many moves. Linux 6.1.
    /// Where the process is killed, the kernel has the port free some milliseconds later.
    #[cfg(feature = "tcp-uring")]
    Uring,
}

impl Runtime {
    /// Runs a task beside the others, on this thread. Only where the runtime runs.
    pub(crate) fn spawn(self, task: impl Future<Output = ()> + 'static) {
        match self {
            Self::Tokio => drop(::tokio::task::spawn_local(task)),
            #[cfg(feature = "tcp-uring")]
            Self::Uring => compio::runtime::spawn(task).detach(),
        }
    }

    /// Lets time pass. Only where the runtime runs.
    pub(crate) async fn sleep(self, time: Duration) {
        match self {
            Self::Tokio => ::tokio::time::sleep(time).await,
            #[cfg(feature = "tcp-uring")]
            Self::Uring => compio::time::sleep(time).await,
        }
    }

    /// The future's output, or `None` if it takes longer.
    pub(crate) async fn timeout<F: Future>(self, time: Duration, future: F) -> Option<F::Output> {
        ::tokio::select! {
            biased;
            output = future => Some(output),
            () = self.sleep(time) => None,
        }
    }
}

/// A runtime with its descriptors.
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

/// Where connections come from.
pub(crate) trait Listener: Sized + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + 'static;

    /// Only where the runtime runs.
    fn new(listener: TcpListener) -> Result<Self, HttpsError>;

    /// The next connection, and who it is from. What is written to it goes out at once, and doesn't wait for
    /// acknowledgements (`TCP_NODELAY`): a response is written when it is whole.
    async fn accept(&self) -> io::Result<(Self::Stream, SocketAddr)>;

    /// Takes no more connections, and leaves the port to others, before this returns.
    async fn close(self);

    /// The address that a client has reached.
    fn local(stream: &Self::Stream) -> Option<IpAddr>;
}

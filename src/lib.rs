//! AF_XDP sockets whose frames have one owner by type, and QUIC and HTTP/3 over them.
//!
//! [`Socket`] is an AF_XDP socket that a program can store, move and send to a thread; [`Sockets`]
//! are several that share their frames. Below them are crates that can be used alone:
//!
//! | module | feature | what it is |
//! | --- | --- | --- |
//! | [`af_xdp`] | always | frames, rings, sockets as safe state machines |
//! | [`wire`] | always | packet headers, read and written in place |
//! | `backend_rustix` | `backend-rustix` (default) | the backend of direct system calls |
//! | `backend_uring` | `backend-uring` | the backend of io_uring submissions |
//! | `bpf` | `bpf` (default) | the XDP program that takes the packets you choose |
//! | `net` | `net` | links, routes, neighbours |
//! | `AsyncSocket` | `tokio` | a socket that a task of tokio waits for |
//! | `quic` | `quic` | QUIC and HTTP/3 endpoints, and the driver that runs them over a socket |
//! | `quic::QlogDirectory` | `qlog` | a qlog of each QUIC connection |
//! | `https` | `https` | HTTP/1.1 and 2 over TCP, for the same handlers |
//! | `https::Runtime::Uring` | `tcp-uring` | the same, driven by io_uring submissions |
//! | `quic::driver::UdpDriver` | `udp` | the same endpoints over a UDP socket of the kernel |
//!
//! Only creating a socket and attaching a program take capabilities. A process that has them can do
//! both for a process that has none: `Socket::create_descriptor` here, `SocketBuilder::open_from`
//! there.
//!
//! [`glossary`] explains the words: UMEM, loan, kick and so on. The search of this documentation,
//! and of that of `xskit-core` and `xskit-bpf`, also finds the names of libxdp, xsk-rs and the
//! kernel's header.
//!
//! A socket that takes UDP port 4433 from queue 0 of an interface, and prints the packets' lengths:
//!
//! ```no_run
//! # #[cfg(all(feature = "backend-rustix", feature = "bpf"))] {
//! use std::os::fd::AsFd;
//! use std::time::Duration;
//! use xskit::Socket;
//! use xskit::af_xdp::backend::Interest;
//! use xskit::bpf::{AttachMode, XdpProgram};
//!
//! let ifindex = 2; // as `ip link` numbers it; a name does as well
//! let mut socket = Socket::builder(ifindex).open()?;
//! let program = XdpProgram::load(1)?;
//! program.register_socket(0, socket.as_fd())?;
//! program.take(4433, None)?;
//! let attachment = program.attach(ifindex, AttachMode::Auto)?;
//! println!("{} mode, zero-copy: {}", attachment.mode(), socket.obtained().zero_copy);
//! loop {
//!     socket.with(|socket| {
//!         for packet in socket.receive(64) {
//!             println!("{} bytes", packet.len()); // dropping it gives the frame back
//!         }
//!         socket.recycle();
//!         socket.flush()
//!     })?;
//!     // Bounded: only a wait that ends reports that the interface is gone (ENETDOWN).
//!     socket.wait(Interest::RECEIVE, Some(Duration::from_secs(1)))?;
//! }
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(all(
    feature = "tokio",
    any(feature = "backend-rustix", feature = "backend-uring")
))]
mod async_socket;
#[cfg(all(
    feature = "bpf",
    any(feature = "backend-rustix", feature = "backend-uring")
))]
mod attached;
#[cfg(any(feature = "backend-rustix", feature = "backend-uring"))]
mod backend;
#[cfg(any(feature = "backend-rustix", feature = "backend-uring"))]
mod error;
// For reading only.
#[cfg(doc)]
pub mod glossary;
#[cfg(any(feature = "backend-rustix", feature = "backend-uring"))]
mod interface;
#[cfg(any(feature = "backend-rustix", feature = "backend-uring"))]
mod socket;

#[cfg(all(
    feature = "tokio",
    any(feature = "backend-rustix", feature = "backend-uring")
))]
pub use async_socket::AsyncSocket;
#[cfg(all(
    feature = "bpf",
    any(feature = "backend-rustix", feature = "backend-uring")
))]
pub use attached::{AttachedProgram, TakeError};
#[cfg(any(feature = "backend-rustix", feature = "backend-uring"))]
pub use backend::{AnyBackend, AnyHandle, Driving};
#[cfg(any(feature = "backend-rustix", feature = "backend-uring"))]
pub use error::OpenError;
#[cfg(any(feature = "backend-rustix", feature = "backend-uring"))]
pub use interface::Interface;
#[cfg(any(feature = "backend-rustix", feature = "backend-uring"))]
pub use socket::{Socket, SocketBuilder, Sockets};

#[cfg(any(feature = "backend-rustix", feature = "backend-uring"))]
pub use memory::Waker;

#[cfg(feature = "backend-rustix")]
use xskit_rustix as memory;
#[cfg(all(feature = "backend-uring", not(feature = "backend-rustix")))]
use xskit_uring as memory;

#[cfg(feature = "bpf")]
pub use xskit_bpf as bpf;
pub use xskit_core as af_xdp;
#[cfg(feature = "https")]
pub use xskit_https as https;
#[cfg(feature = "net")]
pub use xskit_net as net;
#[cfg(feature = "quic")]
pub use xskit_quic as quic;
#[cfg(feature = "backend-rustix")]
pub use xskit_rustix as backend_rustix;
#[cfg(feature = "backend-uring")]
pub use xskit_uring as backend_uring;
pub use xskit_wire as wire;

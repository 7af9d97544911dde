//! The backend of io_uring submissions.
//!
//! [`UringBackend`] makes the calls of [`Backend`](xskit_core::Backend) through an io_uring if the
//! kernel can, and else through [`RustixBackend`](xskit_rustix::RustixBackend). All its sockets
//! share one ring, so one system call hands over the kicks of all of them.
//!
//! ```text
//!   open, set_option, bind ──► SOCKET, URING_CMD, BIND ──► ┌────────────┐  io_uring_enter
//!   kick                   ──► SEND, RECV of no bytes  ──► │ submission │ ──────────────► kernel:
//!   wait                   ──► POLL_ADD                ──► │   queue    │  submit, wait   the socket,
//!   close                  ──► ASYNC_CANCEL            ──► └────────────┘  (or a thread   its rings,
//!                                                          ┌────────────┐   of the kernel  the device
//!   errors of kicks, ready sockets, ends of polls      ◄── │ completion │   looks)
//!                                                          │   queue    │ ◄──────────────
//!                                                          └────────────┘
//!   getsockopt, mmap, munmap, close, ppoll; what a ring can't ───────────────────────► by RustixBackend
//! ```
//!
//! # What a call costs
//!
//! | call | entries | system calls |
//! | --- | --- | --- |
//! | `kick` | one per kick | none; one each time the queue is full |
//! | `submit` | | one for all sockets; none if nothing is pending |
//! | the same, [`SqPoll`] | | none while the kernel's thread is awake |
//! | `wait`, [`Wait::Block`] | | one (`ppoll`) |
//! | `wait`, [`Wait::Poll`], [`Wait::Napi`] | a poll, if none is armed | one, which submits it and everything pending |
//! | `wait`, [`Wait::Multishot`] | a poll, the first time | one; none if packets were reported since |
//! | `wait`, [`Wait::Busy`] | | none |
//! | each part of the set-up | one | one |
//!
//! A wait that ends without a packet also reads the sockets' errors (`getsockopt(SO_ERROR)`), and
//! so does one whose poll reports an error. A poll that is armed when the interface is removed
//! reports that, so a wait without a timeout ends; a poll armed afterwards doesn't, nor does
//! `ppoll`. [`Calls`](xskit_core::backend::Calls) counts all of these calls.
//!
//! System calls made here: `io_uring_setup`, `io_uring_enter`, `io_uring_register`, and those of
//! [`xskit_rustix`].
//!
//! # Which kernel
//!
//! | Linux | brings | without it |
//! | --- | --- | --- |
//! | 5.11 | waits with a timeout | [`UringError::TooOld`] |
//! | 5.13 | multishot polls | [`UringError::TooOld`] for [`Wait::Multishot`] |
//! | 5.17 | no completion for a kick that succeeds | one per kick |
//! | 5.19, 6.7, 6.11 | socket, options, bind by submission | the direct call; [`UringBackend::setup_report`] |
//! | 6.1 | completions run when the thread waits (DEFER_TASKRUN) | whenever the kernel chooses |
//! | 6.9 | polling the device before sleep | [`UringError::Napi`] for [`Wait::Napi`] |
//!
//! # What an io_uring does to an AF_XDP socket
//!
//! A test in `tests/pitfalls.rs` provokes each.
//!
//! - A SEND takes what one `sendto` takes, 32 packets in copy mode unless the budget was raised,
//!   and completes with EAGAIN if more are left. That is counted, and is not an error. Kicks are
//!   not linked, so the next one continues where this one stopped.
//! - The kernel retries a SEND that may wait, until a full completion ring of the socket fails it
//!   with EOPNOTSUPP, or leaves it pending for good if the TX ring is more than half full as well.
//!   O_NONBLOCK on the socket does not help. So every SEND and RECV has MSG_DONTWAIT.
//! - An armed poll keeps a closed socket alive, and its queue taken. So `close` cancels the polls,
//!   reaps their last completions, and then closes the descriptor. Dropping the backend cancels the
//!   polls of sockets that were not closed; their descriptors stay open.
//! - An entry names its socket by descriptor number, which the kernel looks up at submission. If
//!   the descriptor were closed before, the entry would reach the next file of that number. So only
//!   `close` closes it, once no entry is left on the queue: a [`UringSocket`] that is dropped stays
//!   open.
//! - A multishot poll reports arrivals, not what is there: look at the rings before waiting, as
//!   [`Socket::wait`](xskit_core::Socket::wait) does. It may end on its own, and is then armed
//!   again.
//! - The ring refuses `getsockopt` of SOL_XDP (EOPNOTSUPP).
//!
//! # Files and descriptors
//!
//! Sockets are not registered with the ring: that would save 15 to 35 ns per SEND, which in copy
//! mode sends 32 packets in 25 to 70 µs, and would keep the sockets alive for longer.

mod answer;
mod backend;
mod config;
mod error;
mod operand;
mod poll;
mod probe;
mod ring;
mod route;
mod socket;
mod tag;
mod traffic;

pub use backend::UringBackend;
pub use config::{SqPoll, UringConfig, Wait};
pub use error::UringError;
pub use route::{Reason, Route, SetupReport};
pub use socket::UringSocket;
pub use xskit_rustix::{DescriptorError, MmapMemory, PageSize, Waker, create_descriptor};

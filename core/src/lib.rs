//! AF_XDP as safe state machines: frames with one owner each, the four rings, the socket.
//!
//! This crate makes no system call, allocates nothing and reads no clock: a [`Backend`] makes the
//! calls, and the caller brings the memory. With the feature `sim` a simulated kernel is one more
//! backend.
//!
//! ```text
//!                          the program
//!     stash ◄──drop── Frame ◄──────────────┐  Frame ──send──┐
//!       │ ▲            ▲ │                 │                │
//!  refill reap     alloc │write            receive          ▼
//!       │ └──────────────┼───────────┐     │           ┌─────────┐
//!       ▼                            │     │           │ TX ring │
//!   ┌───────────┐                ┌───┴─────┴──┐        └────┬────┘
//!   │ fill ring │                │ completion │ RX ring     │
//!   └─────┬─────┘                └─────▲──────┴──▲──────────┘
//!         │          the kernel        │         │     │
//!         └────► packet received into ─┼─────────┘     │
//!                packet sent from ─────┴───────────────┘
//! ```
//!
//! | ring | we | who owns the frames on it | written by us | written by the kernel |
//! | --- | --- | --- | --- | --- |
//! | fill | produce | the kernel | slots, producer | consumer, flags |
//! | RX | consume | the kernel, until popped | consumer | slots, producer |
//! | TX | produce | the kernel | slots, producer | consumer, flags |
//! | completion | consume | the kernel, until popped | consumer | slots, producer |
//!
//! Modules, from the bottom up: [`abi`] mirrors the kernel's header, [`ring`] moves numbers,
//! [`umem`] knows who owns each frame, [`socket`] joins them and runs the sequence over a
//! [`backend`].
#![cfg_attr(not(any(feature = "std", test)), no_std)]

pub mod abi;
pub mod backend;
pub mod errno;
pub mod ring;
#[cfg(feature = "sim")]
pub mod sim;
pub mod socket;
pub mod umem;

pub use backend::Backend;
pub use errno::Errno;
pub use socket::{Socket, SocketConfig};

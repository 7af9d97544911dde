//! One set of operations and one oracle for the AF_XDP core.
//!
//! ```text
//!                 ┌──────────► Oracle   a list per place, no code of the core
//!    Op ── World ─┤               │ compared after every step
//!                 └──────────► Socket, Umem, Frame ── rings ── Kernel, driven by Op alone
//! ```
//!
//! [`Op`] is a step of the program or of the kernel. A [`World`] takes each step on the real socket
//! and on the [`Oracle`], and compares everything visible. It has at most two sockets, over one
//! UMEM; steps concern one of them until [`Op::Switch`]. Three drivers use it: random sequences
//! with shrinking (`tests/random.rs`), every interleaving of a small world ([`search`],
//! `tests/exhaustive`), and a fuzzer's bytes ([`ring_ops`]).
//!
//! [`hostile_kernel`] runs the same sockets against a kernel that writes arbitrary values into the
//! shared words and slots.

pub mod bare;
pub mod config;
mod difference;
pub mod hostile;
pub mod kernel;
pub mod op;
pub mod oracle;
mod region;
pub mod run;
pub mod search;
mod stamp;
pub mod world;

pub use config::Config;
pub use difference::Difference;
pub use hostile::hostile_kernel;
pub use op::Op;
pub use oracle::Oracle;
pub use run::{ring_ops, run};
pub use world::World;

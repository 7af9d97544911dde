//! Benchmarks of xskit, one layer per file, and what they share.
//!
//! | bench | measures | needs |
//! | --- | --- | --- |
//! | `ring` | the four rings, in ns per descriptor at batches of 1, 16 and 64 | nothing |
//! | `socket` | a frame's way round through `Socket`, ledger included, and through bare rings | nothing |
//! | `wire` | headers read and written, checksums | nothing |
//! | `veth` | packets per second over a veth pair: sent, received, forwarded | CAP_NET_ADMIN |
//! | `goodput` | bytes per second of a file over HTTP/3 over AF_XDP over a veth pair | CAP_NET_ADMIN |
//!
//! The package in `rivals/` compares the rings with libxdp's, in time and in instructions. The one
//! in `report/` measures backends, ways to wait and other people's programs in turns.
//!
//! Modules: [`descriptors`] divides time by descriptors, [`spread`] has medians; [`shared_ring`] is
//! a ring's memory, and [`ring_view`] its words; [`peer`] plays the kernel on all four rings, and
//! [`loopback`] is a backend made of it; [`round_trip`] is what goes round; [`worker`], [`stop`],
//! [`turns`] and [`veth`] are for real sockets.

pub mod descriptors;
pub mod loopback;
pub mod peer;
pub mod ring_view;
pub mod round_trip;
pub mod shared_ring;
pub mod spread;
pub mod stop;
pub mod turns;
pub mod veth;
pub mod worker;

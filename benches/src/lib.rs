//! Benchmarks of xskit, one layer per file, and what they share.
//!
//! | bench | measures | needs |
//! | --- | --- | --- |
//! | `socket` | a frame's way round through `Socket`, ledger included | nothing |
//! | `wire` | headers read and written, checksums | nothing |
//! | `goodput` | bytes per second of a file over HTTP/3 over AF_XDP over a veth pair | CAP_NET_ADMIN |
//! | `connections` | a server's processor time by its connections and workers, without criterion | nothing |
//!
//! The package in `rivals/` measures the rings, beside libxdp's, in time and in instructions. The one
//! in `report/` measures backends, ways to wait and other people's programs in turns.
//!
//! Modules: [`descriptors`] divides time by descriptors, [`spread`] has medians; [`ring_view`] is a
//! ring's words; [`peer`] plays the kernel on all four rings, and [`loopback`] is a backend made of
//! it; [`round_trip`] is what goes round; [`stop`], [`turns`] and [`veth`] are for real sockets.

pub mod descriptors;
pub mod loopback;
pub mod peer;
pub mod ring_view;
pub mod round_trip;
pub mod spread;
pub mod stop;
pub mod turns;
pub mod veth;

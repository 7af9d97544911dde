//! The head-to-head of backends, wait modes and rivals: measured in turns, told in one report.
//!
//! `cargo xtask bench` runs it. Machines are noisy, so contestants of a group do the same job one
//! after the other, round after round, and a figure that compares two is the median of the ratios
//! of each round, with the range in which eight of ten lie.
//!
//! | module | is |
//! | --- | --- |
//! | [`plan`] | which jobs there are, and who does them |
//! | [`job`], [`variant`], [`rival`], [`udp`] | a job; who does it: ways of `xskit`, other people's programs, kernel sockets |
//! | [`arena`], [`program`], [`core`] | two hosts and a wire; a program in one of them; on which processor |
//! | [`sockets`], [`profile`] | many sockets served by one thread; where the processor's time goes |
//! | [`figures`], [`results`], [`criterion`], [`machine`] | what was measured, and where |
//! | [`tcp`] | HTTP over the kernel's TCP beside nginx, and beside HTTP/3 over AF_XDP |
//! | [`counted`] | instructions for each packet, on real drivers in an emulated machine |
//! | [`table`], [`plot`], [`goals`], [`questions`] | how it is shown |
//! | [`answers`], [`claims`], [`page`] | the answers file with fresh tables, and what it claims; the page and the summary |

pub mod answers;
pub mod arena;
pub mod claims;
pub mod core;
pub mod counted;
pub mod criterion;
pub mod figures;
pub mod goals;
pub mod job;
pub mod machine;
pub mod markdown;
pub mod page;
pub mod plan;
pub mod plot;
pub mod profile;
pub mod program;
pub mod questions;
pub mod results;
pub mod rival;
pub mod run;
pub mod sockets;
pub mod table;
pub mod tcp;
pub mod udp;
pub mod variant;

//! The head-to-head of backends, wait modes and rivals: measured in turns, reported on one page.
//!
//! `cargo xtask bench` runs it. Machines are noisy, so the contestants of a group do the same job
//! one after the other, round after round. A figure that compares two is the median of the ratios
//! of each round, with the range in which eight of ten lie.
//!
//! | module | is |
//! | --- | --- |
//! | `cli` | the programs `head_to_head`, `counted` and `tcp` |
//! | `plan`, `run` | which jobs there are and who does them; the rounds |
//! | `job`, `rival`, `nginx`, `udp` | a job; who does it: ways of `xskit`, other people's programs, kernel sockets |
//! | `arena`, `program`, `core` | two hosts and a wire; a program in one of them; on which processor |
//! | `sockets`, `profile` | many sockets served by one thread; where the processor's time goes |
//! | `figures`, `results`, `machine` | what was measured, and where |
//! | `tcp` | HTTP over the kernel's TCP beside nginx, and beside HTTP/3 over AF_XDP |
//! | `counted` | instructions per packet, with real drivers in an emulated machine |
//! | `table`, `plot`, `questions` | how it is shown |
//! | `answers`, `claims`, `page` | the answers file with fresh tables, and its claims; the page and the summary |

mod answers;
mod arena;
mod claims;
mod cli;
mod core;
mod counted;
mod figures;
mod job;
mod machine;
mod nginx;
mod page;
mod plan;
mod plot;
mod profile;
mod program;
mod questions;
mod results;
mod rival;
mod run;
mod sockets;
mod table;
mod tcp;
mod udp;

pub use cli::{counted, head_to_head, tcp};

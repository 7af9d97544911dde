//! HTTP over the kernel's TCP, as `xskit serve` answers it: beside nginx, and beside HTTP/3 over AF_XDP.
//!
//! `cargo xtask bench tcp` runs it.
//!
//! ```text
//!   first host, first core              second host, second core
//!  ┌─────────────────────────┐  veth  ┌─────────────────────────┐
//!  │ h2load, paced           ├────────┤ xskit serve, nginx      │
//!  └─────────────────────────┘        └─────────────────────────┘
//! ```
//!
//! | module | is |
//! | --- | --- |
//! | [`server`] | who answers, and what it costs, read from outside |
//! | [`load`] | what the load generators print |
//! | [`run`] | the jobs, round after round |
//! | [`table`] | how it is shown |

pub mod load;
pub mod run;
pub mod server;
pub mod table;

//! HTTP over the kernel's TCP by `xskit serve`, beside nginx and beside HTTP/3 over AF_XDP.
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
//! | [`server`] | the servers, and their cost, measured from outside |
//! | [`load`] | what the load generators print |
//! | [`run`] | the jobs, round after round |
//! | [`table`] | how it is shown |

pub(crate) mod load;
pub(crate) mod run;
pub(crate) mod server;
pub(crate) mod table;

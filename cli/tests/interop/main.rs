//! `xskit serve` over AF_XDP and over kernel UDP, and other people's HTTP/3 clients over the
//! kernel's UDP.
//!
//! ```text
//!   host "first"                        host "second"
//!  ┌─────────────────────┐    veth    ┌────────────────────────────────────┐
//!  │ xskit serve, AF_XDP ├────────────┤ h3 over quinn, aioquic; kernel UDP │
//!  └─────────────────────┘            └────────────────────────────────────┘
//! ```
//!
//! Neither client shares code with quiche: quinn brings its own QUIC and takes TLS from rustls,
//! aioquic brings both in Python. Each test makes its own pair of hosts, certificate authority,
//! files and server, so tests run beside one another.
//!
//! | module | is |
//! | --- | --- |
//! | [`scene`] | two hosts with a server on one of them: where every test begins |
//! | [`process`] | the program as a child process: that of the tests of the command |
//! | [`server`] | `xskit serve` as such a process |
//! | [`site`] | the files it serves, every byte known |
//! | [`authority`] | the certificate authority that the clients trust |
//! | [`http3`] | a client by h3 over quinn, which shares no code with quiche |
//! | [`client`] | the same on the second host |

mod authority;
mod client;
mod http3;
// The other tests use more of it.
#[allow(dead_code)]
#[path = "../command/process.rs"]
mod process;
mod scene;
mod server;
mod site;

mod aioquic;
mod crowd;
mod hostile;
mod requests;
mod stopping;
mod transfers;

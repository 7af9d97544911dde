//! HTTP/1.1 and HTTP/2 over TLS over the kernel's TCP, with the same
//! [`Handler`](xskit_quic::Handler)s as HTTP/3.
//!
//! ```text
//! server       a port, on the calling thread
//!   service      accepts, within the bounds of the QUIC server's configuration; drains
//!   connection   a TLS handshake with the same certificate, then HTTP/1.1 or 2 as ALPN says
//!     activity   who must act next: a client that doesn't is disconnected
//!     answer     one request: hyper's side of an exchange with the handler
//!   redirect     plain HTTP, redirected to the TLS port
//!   runtime      tokio, or compio over io_uring: tasks, time, streams
//! ```
//!
//! ```no_run
//! use std::net::TcpListener;
//! use std::path::Path;
//! use xskit_https::{HttpsServer, Runtime};
//! use xskit_quic::server::Guests;
//! use xskit_quic::{Files, Http, HttpConfig, Root, ServerConfig};
//!
//! # fn f(config: &ServerConfig) -> Result<(), Box<dyn std::error::Error>> {
//! let files = Files::new(Root::open(Path::new("/srv/www"))?);
//! let http = Http::new(files, &HttpConfig::default())?;
//! let server = HttpsServer::new(config, http, Guests::new(config), Runtime::Tokio)?;
//! // If HTTP/3 is served as well.
//! server.control().advertise(Some(443));
//! server.serve(TcpListener::bind("0.0.0.0:443")?, std::future::pending())?;
//! # Ok(())
//! # }
//! ```

mod activity;
mod answer;
mod connection;
mod error;
mod redirect;
mod runtime;
mod server;
mod service;

pub use error::HttpsError;
pub use runtime::Runtime;
pub use server::{HttpsServer, Resumer};
pub use service::{Control, HttpsStats};

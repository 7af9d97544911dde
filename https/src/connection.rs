//! `run`: a connection, from the TLS handshake to the end of HTTP/1.1 or HTTP/2.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use xskit_quic::{Handler, Identity};

use crate::activity::Activity;
use crate::answer::{Host, answer};
use crate::error::HttpsError;
use crate::runtime::Runtime;

/// Names for ALPN, in order of preference (RFC 9113, section 3.2; RFC 7301, section 6).
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// The largest header section that hyper accepts, as HTTP/2 counts it; beyond that, the client gets
/// status 431 or a reset. A section above 16 KiB is answered without the handler.
const MAX_FIELD_BYTES: u32 = 32 << 10;

/// The largest header section of HTTP/1.1 with the request line; hyper's minimum is 8 KiB.
const MAX_BUFFER_BYTES: usize = 64 << 10;

/// The most streams of HTTP/2 that a client may have reset before they were answered; beyond that,
/// the connection is closed (CVE-2023-44487).
const MAX_RESETS: usize = 20;

/// The most bytes of a stream that wait for the client.
const MAX_SEND_BYTES: usize = 64 << 10;

/// The time to send the last bytes to a client that has let a limit pass.
const FAREWELL: Duration = Duration::from_millis(100);

/// The QUIC server's identity for rustls, with TLS 1.3, and 1.2 for clients without it.
///
/// # Errors
///
/// [`HttpsError::Identity`] if the certificate or key can't be converted, and [`HttpsError::Tls`]
/// if rustls refuses them.
pub(crate) fn tls_config(identity: &Identity) -> Result<Arc<ServerConfig>, HttpsError> {
    let chain = identity.chain_der()?.into_iter().map(CertificateDer::from);
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key_der()?));
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain.collect(), key)?;
    config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    Ok(Arc::new(config))
}

/// How to run a connection.
pub(crate) struct Way {
    pub(crate) tls: Arc<ServerConfig>,
    /// The longest TLS handshake.
    pub(crate) patience: Duration,
    pub(crate) max_streams: u32,
    /// Becomes true when the server drains.
    pub(crate) draining: watch::Receiver<bool>,
}

/// Runs a connection to its end. The client's errors end it and are logged, not returned.
pub(crate) async fn run<H, S>(way: Way, host: Rc<Host<H>>, stream: S)
where
    H: Handler + 'static,
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (runtime, acceptor) = (host.runtime, TlsAcceptor::from(way.tls));
    let handshake = runtime.timeout(way.patience, acceptor.accept(stream));
    let stream = match handshake.await {
        Some(Ok(stream)) => stream,
        Some(Err(error)) => {
            tracing::debug!(%error, "TLS over TCP");
            return;
        }
        None => return,
    };
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
    let activity = Rc::clone(&host.activity);
    let stream = TokioIo::new(stream);
    let (numbers, draining) = (Cell::new(0), way.draining);
    let service = service_fn(move |request| {
        let number = numbers.replace(numbers.get() + 1);
        answer(Rc::clone(&host), number, request)
    });
    if is_http2 {
        let mut builder = http2::Builder::new(runtime);
        builder
            .max_concurrent_streams(way.max_streams)
            .max_header_list_size(MAX_FIELD_BYTES)
            .max_pending_accept_reset_streams(MAX_RESETS)
            .max_local_error_reset_streams(MAX_RESETS)
            .max_send_buf_size(MAX_SEND_BYTES);
        let connection = pin!(builder.serve_connection(stream, service));
        until_the_end(
            connection,
            draining,
            http2::Connection::graceful_shutdown,
            &activity,
            runtime,
        )
        .await;
    } else {
        let mut builder = http1::Builder::new();
        builder
            // A header section that trickles in is not a request yet, so `Limits::request` holds.
            .header_read_timeout(None)
            .max_buf_size(MAX_BUFFER_BYTES);
        let connection = pin!(builder.serve_connection(stream, service));
        until_the_end(
            connection,
            draining,
            http1::Connection::graceful_shutdown,
            &activity,
            runtime,
        )
        .await;
    }
}

/// Runs until the connection is over, or the client has let a limit pass. When the server drains,
/// the connection is told to finish.
async fn until_the_end<C: Future<Output = hyper::Result<()>>>(
    mut connection: Pin<&mut C>,
    mut draining: watch::Receiver<bool>,
    finish: fn(Pin<&mut C>),
    activity: &Activity,
    runtime: Runtime,
) {
    let mut lapse = pin!(activity.lapse(runtime));
    let mut is_told = false;
    loop {
        let drain = async {
            // An error means that the server is gone.
            let _ = draining.wait_for(|is_draining| *is_draining).await;
        };
        tokio::select! {
            outcome = connection.as_mut() => {
                if let Err(error) = outcome {
                    tracing::debug!(%error, "HTTP over TCP");
                }
                return activity.end();
            }
            () = drain, if !is_told => {
                is_told = true;
                finish(connection.as_mut());
            }
            () = lapse.as_mut() => {
                // The client is told, if that is possible at once.
                finish(connection.as_mut());
                let _ = runtime.timeout(FAREWELL, connection).await;
                return activity.end();
            }
        }
    }
}

/// Runs hyper's HTTP/2 streams on this thread.
impl<F: Future<Output = ()> + 'static> Executor<F> for Runtime {
    fn execute(&self, future: F) {
        self.spawn(future);
    }
}

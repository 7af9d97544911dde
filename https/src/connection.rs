//! One connection: TLS, then HTTP/1.1 or 2.

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

/// By ALPN, the most wanted first (RFC 9113, section 3.2; RFC 7301, section 6).
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// Header fields together, as HTTP/2 counts them; beyond, the client is told so (431 or a reset). What is over 16 KiB
/// the handler doesn't see.
const MAX_FIELD_BYTES: u32 = 32 << 10;

/// Of HTTP/1.1's, with the request line; hyper takes no less than 8 KiB.
const MAX_BUFFER_BYTES: usize = 64 << 10;

/// Streams that a client of HTTP/2 has reset before they were answered, at most: beyond, the connection is closed
/// (CVE-2023-44487).
const MAX_RESETS: usize = 20;

/// What is to be sent of a stream and waits for the client, at most.
const MAX_SEND_BYTES: usize = 64 << 10;

/// For what is to be said at last to a client that let a limit pass.
const FAREWELL: Duration = Duration::from_millis(100);

/// TLS 1.3, and 1.2 for those who have no other.
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

/// How a connection is run.
pub(crate) struct Way {
    pub(crate) tls: Arc<ServerConfig>,
    /// For TLS's handshake.
    pub(crate) patience: Duration,
    pub(crate) max_streams: u32,
    /// Becomes true when the server drains.
    pub(crate) draining: watch::Receiver<bool>,
}

/// Runs it to its end. What the client does wrong ends it, and is nobody else's concern.
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
            // Nothing that trickles in is a request: the limit for those holds.
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

/// Until the connection is over, or the client has let a limit pass. When the server drains, it is told to finish.
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
            // Gone only with the server.
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
                // Told, as far as that is possible at once.
                finish(connection.as_mut());
                let _ = runtime.timeout(FAREWELL, connection).await;
                return activity.end();
            }
        }
    }
}

/// hyper's streams of HTTP/2, on this thread.
impl<F: Future<Output = ()> + 'static> Executor<F> for Runtime {
    fn execute(&self, future: F) {
        self.spawn(future);
    }
}

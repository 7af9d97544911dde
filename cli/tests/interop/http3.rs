//! A client of HTTP/3 that shares no code with quiche: h3 over quinn over the kernel's UDP, with
//! rustls. The tests of the QUIC examples use it too.

use std::future::poll_fn;
use std::net::UdpSocket;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use h3::client::{RequestStream, SendRequest};
use h3::error::StreamError;
use h3_quinn::{BidiStream, OpenStreams};
use http::{HeaderName, Request, Response, StatusCode};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ConnectionError, Endpoint, EndpointConfig, TokioRuntime};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::cipher_suite;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// A client with the cipher suites of this provider, which trusts this authority and no other. Its
/// certificate is PEM.
pub(crate) fn config(
    provider: CryptoProvider,
    authority: &[u8],
    change: impl FnOnce(&mut rustls::ClientConfig),
) -> quinn::ClientConfig {
    let mut trusted = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(authority).expect("a certificate");
    trusted.add(certificate).expect("an authority's");
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("suites of TLS 1.3")
        .with_root_certificates(trusted)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    change(&mut tls);
    let tls = QuicClientConfig::with_initial(Arc::new(tls), initial_suite());
    quinn::ClientConfig::new(Arc::new(tls.expect("the version of TLS that QUIC has")))
}

/// Initial packets use AES whatever is offered (RFC 9001, section 5.2).
fn initial_suite() -> rustls::quic::Suite {
    let suite = cipher_suite::TLS13_AES_128_GCM_SHA256.tls13();
    suite
        .and_then(|suite| suite.quic_suite())
        .expect("for QUIC")
}

/// A client's UDP port, from which any number of connections go out. Only within tokio.
pub(crate) fn endpoint(socket: UdpSocket, config: quinn::ClientConfig) -> Endpoint {
    let runtime = Arc::new(TokioRuntime);
    let endpoint = Endpoint::new(EndpointConfig::default(), None, socket, runtime);
    let mut endpoint = endpoint.expect("a socket of UDP");
    endpoint.set_default_client_config(config);
    endpoint
}

/// One connection. A clone is another handle to it.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) quic: quinn::Connection,
    requests: SendRequest<OpenStreams, Bytes>,
}

/// An answer whose body may still be on its way.
pub(crate) struct Reply {
    /// Whether the server took all of the request.
    pub(crate) is_taken: bool,
    /// Bytes of the body that were taken so far.
    pub(crate) received: u64,
    head: Response<()>,
    stream: RequestStream<BidiStream<Bytes>, Bytes>,
}

impl Connection {
    /// Starts HTTP/3. The handshake may be under way, with early data.
    pub(crate) async fn begin(quic: quinn::Connection) -> Result<Self, ConnectionError> {
        let over = h3_quinn::Connection::new(quic.clone());
        let Ok((mut driver, requests)) = h3::client::new(over).await else {
            return Err(quic.closed().await);
        };
        // Reads the control streams. It ends when the connection does, or with the runtime.
        tokio::spawn(async move { poll_fn(|cx| driver.poll_close(cx)).await });
        Ok(Self { quic, requests })
    }

    /// Sends a request and waits for the answer's header. A server may answer
    /// without the rest of a body.
    pub(crate) async fn send(&self, request: Request<&[u8]>) -> Result<Reply, StreamError> {
        let (head, body) = request.into_parts();
        let head = Request::from_parts(head, ());
        let mut stream = self.requests.clone().send_request(head).await?;
        // After an error, h3 takes a further call for one of its own.
        let mut is_taken = true;
        for piece in body.chunks(1 << 14) {
            is_taken = is_taken
                && stream
                    .send_data(Bytes::copy_from_slice(piece))
                    .await
                    .is_ok();
        }
        is_taken = is_taken && stream.finish().await.is_ok();
        let head = stream.recv_response().await?;
        Ok(Reply {
            is_taken,
            received: 0,
            head,
            stream,
        })
    }
}

impl Reply {
    pub(crate) fn status(&self) -> StatusCode {
        self.head.status()
    }

    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.head.headers().get(name)?.to_str().ok()
    }

    /// The next part of the body, or `None` after the last.
    pub(crate) async fn data(&mut self) -> Result<Option<Bytes>, StreamError> {
        let data = self.stream.recv_data().await?;
        let data = data.map(|mut data| data.copy_to_bytes(data.remaining()));
        self.received += data.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Ok(data)
    }

    /// The rest of the body.
    pub(crate) async fn body(mut self) -> Result<Vec<u8>, StreamError> {
        let mut body = Vec::new();
        while let Some(bytes) = self.data().await? {
            body.extend_from_slice(&bytes);
        }
        Ok(body)
    }
}

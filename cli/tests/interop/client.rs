//! An HTTP/3 client that shares no code with quiche: h3 over quinn over the kernel's UDP.

use std::future::poll_fn;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use h3::client::{RequestStream, SendRequest};
use h3::error::StreamError;
use h3_quinn::{BidiStream, OpenStreams};
use http::{HeaderMap, Method, Request, StatusCode, header};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{
    ClientConfig, ConnectionError, Endpoint, EndpointConfig, TokioRuntime, ZeroRttAccepted,
};
use rustls::RootCertStore;
use xskit_testbed::Host;

use crate::authority::SERVER_NAME;
use crate::process::PATIENCE;
use crate::site::Content;

/// Runs a client's work on this thread.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let outcome = tokio::time::timeout(5 * PATIENCE, work).await;
        outcome.expect("the server goes on answering")
    })
}

/// One UDP port, from which any number of connections go out.
#[derive(Clone)]
pub(crate) struct Client {
    endpoint: Endpoint,
    server: SocketAddr,
}

/// One connection. A clone is another handle to it.
#[derive(Clone)]
pub(crate) struct Connection {
    quic: quinn::Connection,
    requests: SendRequest<OpenStreams, Bytes>,
}

/// An answer whose body may still be on its way.
pub(crate) struct Reply {
    /// Bytes of the body that were taken so far.
    pub(crate) received: u64,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    stream: RequestStream<BidiStream<Bytes>, Bytes>,
}

impl Client {
    pub(crate) fn new(host: &Host, server: SocketAddr, trusted: RootCertStore) -> Self {
        let socket = open_socket(host, server);
        let config = EndpointConfig::default();
        let runtime = Arc::new(TokioRuntime);
        let mut endpoint = Endpoint::new(config, None, socket, runtime).unwrap();
        endpoint.set_default_client_config(client_config(trusted));
        Self { endpoint, server }
    }

    /// Goes on from another port, as a client behind a router does whose binding has changed.
    pub(crate) fn move_on(&self, socket: UdpSocket) {
        self.endpoint.rebind(socket).unwrap();
    }

    /// Connects; the server's certificate must be the authority's, and for [`SERVER_NAME`].
    pub(crate) async fn connect(&self) -> Result<Connection, ConnectionError> {
        let connecting = self.endpoint.connect(self.server, SERVER_NAME).unwrap();
        Self::begin(connecting.await?).await
    }

    /// Connects again, with early data before the server has answered; `None` without a ticket.
    /// What comes with the connection says in the end whether the server took it.
    pub(crate) async fn connect_early(&self) -> Option<(Connection, ZeroRttAccepted)> {
        let connecting = self.endpoint.connect(self.server, SERVER_NAME).unwrap();
        let (quic, accepted) = connecting.into_0rtt().ok()?;
        Some((Self::begin(quic).await.unwrap(), accepted))
    }

    async fn begin(quic: quinn::Connection) -> Result<Connection, ConnectionError> {
        let connection = h3_quinn::Connection::new(quic.clone());
        let Ok((mut driver, requests)) = h3::client::new(connection).await else {
            return Err(quic.closed().await);
        };
        // Reads the control streams. It ends when the connection does, or with the runtime.
        tokio::spawn(async move { poll_fn(|cx| driver.poll_close(cx)).await });
        Ok(Connection { quic, requests })
    }
}

/// A socket stays on the host where it was opened.
pub(crate) fn open_socket(host: &Host, server: SocketAddr) -> UdpSocket {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    host.run(|| UdpSocket::bind(any)).unwrap().unwrap()
}

fn client_config(trusted: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    tls.enable_early_data = true;
    tls.alpn_protocols = vec![b"h3".to_vec()];
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}

impl Connection {
    /// Updates the keys (RFC 9001, section 6), once the current ones have been used both ways.
    pub(crate) fn update_keys(&self) {
        self.quic.force_key_update();
    }

    /// Why the connection has ended, if it has.
    pub(crate) fn end(&self) -> Option<ConnectionError> {
        self.quic.close_reason()
    }

    /// Waits for the connection's end.
    pub(crate) async fn closed(&self) -> ConnectionError {
        self.quic.closed().await
    }

    /// Sends a request without a body and waits for the answer's header.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        range: Option<&str>,
    ) -> Result<Reply, StreamError> {
        let field = range.map(|range| (header::RANGE, range));
        self.send_with(method, path, field.as_slice()).await
    }

    /// The same, with header fields.
    pub(crate) async fn send_with(
        &self,
        method: Method,
        path: &str,
        fields: &[(header::HeaderName, &str)],
    ) -> Result<Reply, StreamError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("https://{SERVER_NAME}{path}"));
        for (name, value) in fields {
            request = request.header(name, *value);
        }
        let request = request.body(()).unwrap();
        let mut stream = self.requests.clone().send_request(request).await?;
        stream.finish().await?;
        let response = stream.recv_response().await?;
        Ok(Reply {
            received: 0,
            status: response.status(),
            headers: response.headers().clone(),
            stream,
        })
    }

    /// Sends a GET.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await.unwrap()
    }

    /// Fetches a whole file and checks the header and every byte.
    pub(crate) async fn fetch(&self, content: &Content) {
        let mut reply = self.get(&format!("/{}", content.name)).await;
        assert_eq!(reply.status, StatusCode::OK, "{content:?}");
        assert_eq!(reply.content_length(), Some(content.len), "{content:?}");
        let mut received = 0;
        while let Some(bytes) = reply.data().await.unwrap() {
            content.check(received, &bytes);
            received += bytes.len() as u64;
        }
        assert_eq!(received, content.len, "{content:?} ended early");
    }
}

impl Reply {
    /// The next part of the body, or `None` after the last.
    pub(crate) async fn data(&mut self) -> Result<Option<Bytes>, StreamError> {
        let data = self.stream.recv_data().await?;
        let data = data.map(|mut data| data.copy_to_bytes(data.remaining()));
        self.received += data.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Ok(data)
    }

    /// What is left of the body.
    pub(crate) async fn body(mut self) -> Vec<u8> {
        let mut body = Vec::new();
        while let Some(bytes) = self.data().await.unwrap() {
            body.extend_from_slice(&bytes);
        }
        body
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn content_length(&self) -> Option<u64> {
        self.header(header::CONTENT_LENGTH)?.parse().ok()
    }
}

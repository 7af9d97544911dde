//! The client on the second host: h3 over quinn over the kernel's UDP.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use h3::error::StreamError;
use http::{HeaderName, Method, Request, StatusCode, header};
use quinn::{ConnectionError, Endpoint, ZeroRttAccepted};
use rustls::crypto::ring::default_provider;
use xskit_testbed::Host;

use crate::authority::{Authority, SERVER_NAME};
use crate::http3::{self, Connection, Reply};
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

impl Client {
    /// Only within [`run`].
    pub(crate) fn new(host: &Host, server: SocketAddr, trusted: &Authority) -> Self {
        let config = http3::config(default_provider(), &trusted.pem(), |tls| {
            tls.enable_early_data = true;
        });
        let endpoint = http3::endpoint(open_socket(host, server), config);
        Self { endpoint, server }
    }

    /// Goes on from another port, as a client behind a router does whose binding has changed.
    pub(crate) fn move_on(&self, socket: UdpSocket) {
        self.endpoint.rebind(socket).unwrap();
    }

    /// Connects; the server's certificate must be the authority's, and for [`SERVER_NAME`].
    pub(crate) async fn connect(&self) -> Result<Connection, ConnectionError> {
        let connecting = self.endpoint.connect(self.server, SERVER_NAME).unwrap();
        Connection::begin(connecting.await?).await
    }

    /// Connects again, with early data before the server has answered; `None` without a ticket.
    /// What comes with the connection says in the end whether the server took it.
    pub(crate) async fn connect_early(&self) -> Option<(Connection, ZeroRttAccepted)> {
        let connecting = self.endpoint.connect(self.server, SERVER_NAME).unwrap();
        let (quic, accepted) = connecting.into_0rtt().ok()?;
        Some((Connection::begin(quic).await.unwrap(), accepted))
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

impl Connection {
    /// Sends a request without a body and waits for the answer's header.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        fields: &[(HeaderName, &str)],
    ) -> Result<Reply, StreamError> {
        let uri = format!("https://{SERVER_NAME}{path}");
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(name, *value);
        }
        let reply = self.send(request.body(&[][..]).unwrap()).await?;
        assert!(reply.is_taken, "{path}: the end of the request is refused");
        Ok(reply)
    }

    /// Sends a GET.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, path, &[]).await.unwrap()
    }

    /// Fetches a whole file and checks the header and every byte.
    pub(crate) async fn fetch(&self, content: &Content) {
        let mut reply = self.get(&content.path()).await;
        assert_eq!(reply.status(), StatusCode::OK, "{content:?}");
        assert_eq!(reply.content_length(), Some(content.len), "{content:?}");
        reply.check_up_to(content, content.len).await;
        let more = reply.data().await.unwrap();
        assert!(more.is_none(), "{content:?} goes on");
    }
}

impl Reply {
    /// Takes the body until `len` bytes of it have come, and checks each.
    pub(crate) async fn check_up_to(&mut self, content: &Content, len: u64) {
        while self.received < len {
            let offset = self.received;
            let bytes = self.data().await.unwrap();
            let bytes = bytes.unwrap_or_else(|| panic!("{content:?} ended at {offset}"));
            content.check(offset, &bytes);
        }
    }

    pub(crate) fn content_length(&self) -> Option<u64> {
        self.header(header::CONTENT_LENGTH)?.parse().ok()
    }
}

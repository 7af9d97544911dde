//! The peer: h3 over quinn, as a client.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use bytes::{Buf, Bytes};
use h3::client::SendRequest;
use h3_quinn::OpenStreams;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, EndpointConfig, TokioRuntime};
use rustls::RootCertStore;
use rustls::crypto::ring::{cipher_suite, default_provider};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The name in the server's certificate.
pub(crate) const SERVER_NAME: &str = "server.xskit.test";

pub(crate) struct Client {
    endpoint: Endpoint,
    server: SocketAddr,
}

pub(crate) struct Connection {
    quic: quinn::Connection,
    requests: SendRequest<OpenStreams, Bytes>,
}

impl Client {
    pub(crate) fn new(
        own: IpAddr,
        server: SocketAddr,
        authority: &str,
        only_chacha20: bool,
    ) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((own, 0))?;
        let runtime = Arc::new(TokioRuntime);
        let mut endpoint = Endpoint::new(EndpointConfig::default(), None, socket, runtime)?;
        endpoint.set_default_client_config(config(authority, only_chacha20)?);
        Ok(Self { endpoint, server })
    }

    pub(crate) async fn connect(&self) -> anyhow::Result<Connection> {
        Connection::begin(self.endpoint.connect(self.server, SERVER_NAME)?.await?).await
    }

    /// Fetches with early data, by the ticket of an earlier connection. Fails if the server did not take it.
    pub(crate) async fn fetch_early(&self, files: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
        let connecting = self.endpoint.connect(self.server, SERVER_NAME)?;
        let Ok((quic, is_accepted)) = connecting.into_0rtt() else {
            bail!("the client has no ticket for early data");
        };
        let connection = Connection::begin(quic).await?;
        connection.fetch(files).await?;
        ensure!(is_accepted.await, "the server rejected the early data");
        Ok(())
    }
}

fn config(authority: &str, only_chacha20: bool) -> anyhow::Result<ClientConfig> {
    let mut provider = default_provider();
    if only_chacha20 {
        provider.cipher_suites = vec![cipher_suite::TLS13_CHACHA20_POLY1305_SHA256];
    }
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.enable_early_data = true;
    tls.alpn_protocols = vec![b"h3".to_vec()];
    // Initial packets are under AES whatever is offered (RFC 9001, section 5.2).
    let initial = cipher_suite::TLS13_AES_128_GCM_SHA256
        .tls13()
        .and_then(|suite| suite.quic_suite())
        .context("rustls has no AES for QUIC")?;
    let tls = QuicClientConfig::with_initial(Arc::new(tls), initial)?;
    Ok(ClientConfig::new(Arc::new(tls)))
}

impl Connection {
    async fn begin(quic: quinn::Connection) -> anyhow::Result<Self> {
        let (mut driver, requests) =
            h3::client::new(h3_quinn::Connection::new(quic.clone())).await?;
        // Reads the control streams. It ends when the connection does, or with the runtime.
        tokio::spawn(async move { poll_fn(|cx| driver.poll_close(cx)).await });
        Ok(Self { quic, requests })
    }

    pub(crate) fn update_keys(&self) {
        self.quic.force_key_update();
    }

    /// Fetches the files, all at once as far as the server lets it, and compares.
    pub(crate) async fn fetch(&self, files: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
        let mut fetches = tokio::task::JoinSet::new();
        for (name, content) in files {
            fetches.spawn(fetch(self.requests.clone(), name.clone(), content.clone()));
        }
        while let Some(fetched) = fetches.join_next().await {
            fetched??;
        }
        Ok(())
    }
}

async fn fetch(
    mut requests: SendRequest<OpenStreams, Bytes>,
    name: String,
    content: Vec<u8>,
) -> anyhow::Result<()> {
    let request = http::Request::get(format!("https://{SERVER_NAME}/{name}")).body(())?;
    let mut stream = requests.send_request(request).await?;
    stream.finish().await?;
    let status = stream.recv_response().await?.status();
    ensure!(status.is_success(), "{name}: {status}");
    let mut body = Vec::with_capacity(content.len());
    while let Some(mut data) = stream.recv_data().await? {
        body.extend_from_slice(&data.copy_to_bytes(data.remaining()));
    }
    ensure!(
        body == content,
        "{name} differs: {} bytes of {}",
        body.len(),
        content.len()
    );
    Ok(())
}

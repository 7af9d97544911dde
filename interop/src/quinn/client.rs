//! The client.

use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use bytes::{Buf, Bytes};
use h3::client::SendRequest;
use h3_quinn::OpenStreams;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, ConnectionError, Endpoint, EndpointConfig, TokioRuntime};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{KeyLogFile, RootCertStore};
use tokio::task::JoinSet;

use crate::setting::{Protocol, Setting, Url};

/// A draft's version, which the server does not have.
const OLD_VERSION: u32 = 0xff00_001d;

const MAX_FILE_BYTES: usize = 64 << 20;

/// The close code of an application without codes.
const NO_ERROR: u32 = 0;

#[derive(Clone)]
struct Connection {
    quic: quinn::Connection,
    /// Over HTTP/3.
    requests: Option<SendRequest<OpenStreams, Bytes>>,
}

pub(super) async fn run(setting: &Setting) -> anyhow::Result<Option<()>> {
    let case = setting.case.as_str();
    let known = [
        "handshake",
        "transfer",
        "http3",
        "retry",
        "chacha20",
        "keyupdate",
        "multiconnect",
        "resumption",
        "zerortt",
        "versionnegotiation",
    ];
    if !known.contains(&case) {
        return Ok(None);
    }
    let mut endpoint = endpoint(setting)?;
    if case == "versionnegotiation" {
        return negotiate(setting, &mut endpoint).await.map(Some);
    }
    let all = setting.requests.as_slice();
    let (first, rest) = match case {
        "multiconnect" | "resumption" | "zerortt" => all.split_at(1.min(all.len())),
        _ => (all, &all[..0]),
    };
    let connection = connect(setting, &endpoint).await?;
    connection.fetch(setting, first).await?;
    connection.close();
    match case {
        "zerortt" => early(setting, &endpoint, rest).await?,
        "resumption" => {
            let connection = connect(setting, &endpoint).await?;
            connection.fetch(setting, rest).await?;
            connection.close();
        }
        _ => {
            for url in rest {
                let connection = connect(setting, &endpoint).await?;
                connection.fetch(setting, std::slice::from_ref(url)).await?;
                connection.close();
            }
        }
    }
    endpoint.wait_idle().await;
    Ok(Some(()))
}

fn endpoint(setting: &Setting) -> anyhow::Result<Endpoint> {
    let any: IpAddr = match setting.server()?.resolve()? {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let (socket, runtime) = (UdpSocket::bind((any, 0))?, Arc::new(TokioRuntime));
    let mut endpoint = Endpoint::new(EndpointConfig::default(), None, socket, runtime)?;
    endpoint.set_default_client_config(config(setting)?);
    Ok(endpoint)
}

fn config(setting: &Setting) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(setting.certs.join("ca.pem"))?)?;
    let provider = super::provider(setting.case == "chacha20");
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.key_log = Arc::new(KeyLogFile::new());
    tls.enable_early_data = setting.case == "zerortt";
    tls.alpn_protocols = vec![setting.protocol.name().into()];
    if setting.case == "multiconnect" {
        tls.resumption = rustls::client::Resumption::disabled();
    }
    let tls = QuicClientConfig::with_initial(Arc::new(tls), super::initial_suite()?)?;
    let mut config = ClientConfig::new(Arc::new(tls));
    config.transport_config(super::transport()?);
    Ok(config)
}

fn connecting(setting: &Setting, endpoint: &Endpoint) -> anyhow::Result<quinn::Connecting> {
    let server = setting.server()?;
    let name = server.host.trim_matches(['[', ']']);
    Ok(endpoint.connect(server.resolve()?, name)?)
}

async fn connect(setting: &Setting, endpoint: &Endpoint) -> anyhow::Result<Connection> {
    Connection::begin(setting, connecting(setting, endpoint)?.await?).await
}

/// Fetches with early data. Fails if the server did not take it.
async fn early(setting: &Setting, endpoint: &Endpoint, urls: &[Url]) -> anyhow::Result<()> {
    let Ok((quic, is_accepted)) = connecting(setting, endpoint)?.into_0rtt() else {
        bail!("no ticket for early data");
    };
    let connection = Connection::begin(setting, quic).await?;
    connection.fetch(setting, urls).await?;
    ensure!(is_accepted.await, "the server rejected the early data");
    connection.close();
    Ok(())
}

/// quinn ends when it is offered other versions, and starts only with versions that it has.
async fn negotiate(setting: &Setting, endpoint: &mut Endpoint) -> anyhow::Result<()> {
    let mut config = config(setting)?;
    config.version(OLD_VERSION);
    endpoint.set_default_client_config(config);
    match connecting(setting, endpoint)?.await {
        Err(ConnectionError::VersionMismatch) => Ok(()),
        Err(error) => Err(error).context("no version negotiation"),
        Ok(_) => bail!("the server took the version of a draft"),
    }
}

impl Connection {
    async fn begin(setting: &Setting, quic: quinn::Connection) -> anyhow::Result<Self> {
        let mut requests = None;
        if setting.protocol == Protocol::Http3 {
            let over = h3_quinn::Connection::new(quic.clone());
            let (mut driver, sender) = h3::client::new(over).await?;
            // Reads the control streams. It ends when the connection does, or with the runtime.
            tokio::spawn(async move { poll_fn(|cx| driver.poll_close(cx)).await });
            requests = Some(sender);
        }
        Ok(Self { quic, requests })
    }

    /// Fetches all at once, as far as the server allows.
    async fn fetch(&self, setting: &Setting, urls: &[Url]) -> anyhow::Result<()> {
        let mut fetches = JoinSet::new();
        for url in urls {
            let (connection, url) = (self.clone(), url.clone());
            fetches.spawn(async move { connection.fetch_one(&url).await.map(|body| (url, body)) });
        }
        if setting.case == "keyupdate" {
            // Once the handshake is confirmed.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            self.quic.force_key_update();
        }
        while let Some(fetched) = fetches.join_next().await {
            let (url, body) = fetched??;
            setting.save(&url, &body)?;
        }
        Ok(())
    }

    async fn fetch_one(&self, url: &Url) -> anyhow::Result<Vec<u8>> {
        let Some(mut requests) = self.requests.clone() else {
            let (mut send, mut receive) = self.quic.open_bi().await?;
            let line = format!("GET {}\r\n", url.path);
            send.write_all(line.as_bytes()).await?;
            send.finish()?;
            return Ok(receive.read_to_end(MAX_FILE_BYTES).await?);
        };
        let request = http::Request::get(url.text());
        let mut stream = requests.send_request(request.body(())?).await?;
        stream.finish().await?;
        let status = stream.recv_response().await?.status();
        ensure!(status.is_success(), "{}: {status}", url.path);
        let mut body = Vec::new();
        while let Some(mut data) = stream.recv_data().await? {
            body.extend_from_slice(&data.copy_to_bytes(data.remaining()));
        }
        Ok(body)
    }

    fn close(&self) {
        self.quic.close(NO_ERROR.into(), b"");
    }
}

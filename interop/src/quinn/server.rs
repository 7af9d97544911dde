//! The server: both protocols, as each client's ALPN says.

use std::net::UdpSocket;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use bytes::Bytes;
use quinn::crypto::rustls::{HandshakeData, QuicServerConfig};
use quinn::{Endpoint, EndpointConfig, Incoming, TokioRuntime};
use rustls::KeyLogFile;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::signal::unix::{SignalKind, signal};

use crate::setting::{Protocol, Setting, file_name};

const MAX_REQUEST_BYTES: usize = 1024;

pub(super) async fn run(setting: &Setting) -> anyhow::Result<Option<()>> {
    let known = [
        "handshake",
        "transfer",
        "http3",
        "retry",
        "chacha20",
        "multiconnect",
        "resumption",
        "zerortt",
        "versionnegotiation",
    ];
    if !known.contains(&setting.case.as_str()) {
        return Ok(None);
    }
    let config = Some(config(setting)?);
    let (socket, runtime) = (UdpSocket::bind(setting.listen)?, Arc::new(TokioRuntime));
    let endpoint = Endpoint::new(EndpointConfig::default(), config, socket, runtime)?;
    let mut end = signal(SignalKind::terminate())?;
    let retries = setting.case == "retry";
    loop {
        tokio::select! {
            _ = end.recv() => break,
            incoming = endpoint.accept() => {
                let incoming = incoming.context("the endpoint is closed")?;
                if retries && !incoming.remote_address_validated() {
                    incoming.retry().context("no Retry")?;
                    continue;
                }
                let folder = setting.www.clone();
                tokio::spawn(async move {
                    if let Err(error) = serve(incoming, &folder).await {
                        eprintln!("{error:#}");
                    }
                });
            }
        }
    }
    endpoint.close(0_u32.into(), b"");
    Ok(Some(()))
}

fn config(setting: &Setting) -> anyhow::Result<quinn::ServerConfig> {
    let chain = CertificateDer::pem_file_iter(setting.chain())?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(setting.key())?;
    let mut tls = rustls::ServerConfig::builder_with_provider(super::provider(false))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    tls.key_log = Arc::new(KeyLogFile::new());
    tls.alpn_protocols = [Protocol::Http3, Protocol::Hq]
        .map(|it| it.name().into())
        .to_vec();
    // The only value other than 0 in QUIC (RFC 9001, section 4.6.1).
    tls.max_early_data_size = match setting.case.as_str() {
        "zerortt" => u32::MAX,
        _ => 0,
    };
    let tls = QuicServerConfig::with_initial(Arc::new(tls), super::initial_suite()?)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls));
    config.transport_config(super::transport()?);
    Ok(config)
}

async fn serve(incoming: Incoming, folder: &Path) -> anyhow::Result<()> {
    let mut connecting = incoming.accept()?;
    let data = connecting.handshake_data().await?;
    let data = data.downcast::<HandshakeData>().ok();
    let protocol = data.and_then(|data| data.protocol).unwrap_or_default();
    // Includes early data.
    let connection = match connecting.into_0rtt() {
        Ok((connection, _)) => connection,
        Err(connecting) => connecting.await?,
    };
    if protocol == Protocol::Http3.name().as_bytes() {
        return serve_http3(connection, folder).await;
    }
    // Until the client closes.
    while let Ok((mut send, mut receive)) = connection.accept_bi().await {
        let folder = folder.to_owned();
        tokio::spawn(async move {
            let request = receive.read_to_end(MAX_REQUEST_BYTES).await?;
            let request = std::str::from_utf8(&request)?;
            let path = request.trim_end().strip_prefix("GET ").context("no GET")?;
            send.write_all(&file(&folder, path)?).await?;
            send.finish()?;
            anyhow::Ok(())
        });
    }
    Ok(())
}

async fn serve_http3(connection: quinn::Connection, folder: &Path) -> anyhow::Result<()> {
    let over = h3_quinn::Connection::new(connection);
    let mut connection = h3::server::Connection::<_, Bytes>::new(over).await?;
    // Until the client closes.
    while let Ok(Some(resolver)) = connection.accept().await {
        let folder = folder.to_owned();
        tokio::spawn(async move {
            let (request, mut stream) = resolver.resolve_request().await?;
            let content = file(&folder, request.uri().path())?;
            stream.send_response(http::Response::new(())).await?;
            stream.send_data(content.into()).await?;
            stream.finish().await?;
            anyhow::Ok(())
        });
    }
    Ok(())
}

fn file(folder: &Path, path: &str) -> anyhow::Result<Vec<u8>> {
    let Some(name) = file_name(path) else {
        bail!("{path:?} names no file");
    };
    Ok(std::fs::read(folder.join(name))?)
}

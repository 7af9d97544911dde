//! The client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use quinn::{ClientConfig, Connecting, ConnectionError, Endpoint};
use rustls::crypto::ring::default_provider;
use rustls::{CipherSuite, KeyLogFile};
use tokio::task::JoinSet;

use super::http3::{self, Connection};
use crate::setting::{Setting, Url, connections};

/// A draft's version, which the server does not have.
const OLD_VERSION: u32 = 0xff00_001d;

pub(super) async fn run(setting: &Setting) -> anyhow::Result<Option<()>> {
    let case = setting.case.as_str();
    match case {
        "handshake" | "transfer" | "http3" | "retry" | "chacha20" | "keyupdate"
        | "multiconnect" | "resumption" | "zerortt" => {}
        "versionnegotiation" => return negotiate(setting).await.map(Some),
        _ => return Ok(None),
    }
    let endpoint = endpoint(setting, config(setting)?)?;
    for (number, urls) in connections(case, &setting.requests).into_iter().enumerate() {
        let connecting = connecting(setting, &endpoint)?;
        let mut early = None;
        let quic = if case == "zerortt" && number > 0 {
            let Ok((quic, is_accepted)) = connecting.into_0rtt() else {
                bail!("no ticket for early data");
            };
            early = Some(is_accepted);
            quic
        } else {
            connecting.await?
        };
        let connection = Connection::begin(quic).await?;
        fetch(setting, &connection, urls).await?;
        if let Some(is_accepted) = early {
            ensure!(is_accepted.await, "the server rejected the early data");
        }
        connection.quic.close(0_u32.into(), b"");
    }
    endpoint.wait_idle().await;
    Ok(Some(()))
}

fn endpoint(setting: &Setting, config: ClientConfig) -> anyhow::Result<Endpoint> {
    let any: IpAddr = match setting.server()?.resolve()? {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    Ok(http3::endpoint(UdpSocket::bind((any, 0))?, config))
}

fn config(setting: &Setting) -> anyhow::Result<ClientConfig> {
    let authority = std::fs::read(setting.certs.join("ca.pem"))?;
    let mut provider = default_provider();
    if setting.case == "chacha20" {
        provider
            .cipher_suites
            .retain(|suite| suite.suite() == CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    }
    let mut config = http3::config(provider, &authority, |tls| {
        tls.key_log = Arc::new(KeyLogFile::new());
        tls.enable_early_data = setting.case == "zerortt";
        if setting.case == "multiconnect" {
            tls.resumption = rustls::client::Resumption::disabled();
        }
    });
    config.transport_config(super::transport()?);
    Ok(config)
}

fn connecting(setting: &Setting, endpoint: &Endpoint) -> anyhow::Result<Connecting> {
    let server = setting.server()?;
    let name = server.host.trim_matches(['[', ']']);
    Ok(endpoint.connect(server.resolve()?, name)?)
}

/// quinn ends when it is offered other versions, and starts only with versions that it has.
async fn negotiate(setting: &Setting) -> anyhow::Result<()> {
    let mut config = config(setting)?;
    config.version(OLD_VERSION);
    match connecting(setting, &endpoint(setting, config)?)?.await {
        Err(ConnectionError::VersionMismatch) => Ok(()),
        Err(error) => Err(error).context("no version negotiation"),
        Ok(_) => bail!("the server took the version of a draft"),
    }
}

/// Fetches all at once, as far as the server allows.
async fn fetch(setting: &Setting, connection: &Connection, urls: &[Url]) -> anyhow::Result<()> {
    let mut fetches = JoinSet::new();
    for url in urls {
        let (connection, url) = (connection.clone(), url.clone());
        fetches.spawn(async move {
            let request = http::Request::get(url.text()).body(&[][..])?;
            let reply = connection.send(request).await?;
            let status = reply.status();
            ensure!(status.is_success(), "{}: {status}", url.path);
            Ok((url, reply.body().await?))
        });
    }
    if setting.case == "keyupdate" {
        // Once the handshake is confirmed.
        tokio::time::sleep(Duration::from_millis(100)).await;
        connection.quic.force_key_update();
    }
    while let Some(fetched) = fetches.join_next().await {
        let (url, body) = fetched??;
        setting.save(&url, &body)?;
    }
    Ok(())
}

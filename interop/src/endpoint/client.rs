//! The client: fetches the requested files over the case's connections.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::json;
use xskit_quic::client::ClientEvent;
use xskit_quic::driver::{UdpConfig, UdpDriver};
use xskit_quic::{Client, ClientConfig};

use crate::setting::{PATIENCE, Setting, Url, connections};

/// How long a client waits for a ticket, and for its last packets to go.
const LAST: Duration = Duration::from_secs(2);

pub(super) fn run(setting: &Setting) -> anyhow::Result<Option<()>> {
    match setting.case.as_str() {
        "handshake" | "transfer" | "http3" | "retry" | "multiconnect" | "resumption"
        | "zerortt" => {}
        // BoringSSL offers all its ciphers, quiche begins no key update and has one version.
        _ => return Ok(None),
    }
    let connections = connections(&setting.case, &setting.requests);
    let server = setting.server()?;
    let mut config = ClientConfig::new(&server.host, server.port, setting.trust());
    config.handshake_timeout = PATIENCE;
    config.transport.idle_timeout = PATIENCE;
    config.diagnostics = super::diagnostics(setting)?;
    config.early_data = setting.case == "zerortt";
    let (mut resumed, mut early) = (0, 0);
    for urls in &connections {
        let (mut client, mut driver) = open(setting, &config)?;
        fetch(setting, &mut client, &mut driver, urls)?;
        resumed += u32::from(client.is_resumed());
        early += u32::from(client.stats().early_requests > 0);
        config.ticket = client.ticket().filter(|_| setting.case != "multiconnect");
        client.close(Instant::now());
        while driver.turn(&mut client)? {}
    }
    println!(
        "{}",
        json!({"connections": connections.len(), "resumed": resumed, "early": early})
    );
    Ok(Some(()))
}

fn open(setting: &Setting, config: &ClientConfig) -> anyhow::Result<(Client<()>, UdpDriver)> {
    let peer = setting.server()?.resolve()?;
    let socket = UdpSocket::bind((own_address(peer)?, 0))?;
    let client = Client::new(config, socket.local_addr()?, peer, (), Instant::now())?;
    Ok((client, UdpDriver::new(socket, UdpConfig::default())?))
}

/// The source address that the kernel uses for this peer.
fn own_address(peer: SocketAddr) -> std::io::Result<IpAddr> {
    let any: IpAddr = match peer {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(peer)?;
    Ok(socket.local_addr()?.ip())
}

/// Fetches files, and then waits for a ticket for another connection.
fn fetch(
    setting: &Setting,
    client: &mut Client<()>,
    driver: &mut UdpDriver,
    urls: &[Url],
) -> anyhow::Result<()> {
    let mut open = BTreeMap::new();
    for url in urls {
        open.insert(client.get(&url.path, None), (url, Vec::new()));
    }
    let mut piece = vec![0; 64 << 10];
    let mut until = None;
    loop {
        let mut is_more = driver.turn(client)?;
        while let Some(event) = client.poll_event() {
            is_more = true;
            match event {
                ClientEvent::Response(id, head) => {
                    let url = open.get(&id).map(|(url, _)| url);
                    ensure!(head.status == 200, "{url:?}: status {}", head.status);
                }
                ClientEvent::Body(id) => {
                    let (_, content) = open.get_mut(&id).context("no such request")?;
                    while let len @ 1.. = client.read_body(id, &mut piece) {
                        content.extend_from_slice(&piece[..len]);
                    }
                }
                ClientEvent::Finished(id) => {
                    let (url, content) = open.remove(&id).context("no such request")?;
                    setting.save(url, &content)?;
                }
                ClientEvent::Failed(id, error) => {
                    let url = open.get(&id).map(|(url, _)| url);
                    bail!("{url:?}: {error}");
                }
                ClientEvent::Closed(end) => bail!("{end}"),
                _ => {}
            }
        }
        if open.is_empty() && client.is_connected() {
            let deadline = *until.get_or_insert_with(|| Instant::now() + LAST);
            if client.ticket().is_some() || Instant::now() > deadline {
                return Ok(());
            }
        }
        driver.rest(client, is_more, Duration::from_millis(20))?;
    }
}

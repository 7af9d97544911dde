//! The client: fetches the requested files over the case's connections.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;
use xskit_quic::ClientConfig;
use xskit_quic::client::Ticket;
use xskit_quic::driver::{UdpConfig, UdpDriver};

use super::fetch::{Fetch, Hq, Http3};
use crate::setting::{PATIENCE, Protocol, Setting, Url};

/// How long a client waits for a ticket, and for its last packets to go.
const LAST: Duration = Duration::from_secs(2);

/// The results of a connection.
struct Fetched {
    ticket: Option<Ticket>,
    is_resumed: bool,
    is_early: bool,
}

pub(super) fn run(setting: &Setting) -> anyhow::Result<Option<()>> {
    let all = setting.requests.as_slice();
    let connections: Vec<&[Url]> = match setting.case.as_str() {
        "handshake" | "transfer" | "http3" | "retry" => vec![all],
        "multiconnect" => all.chunks(1).collect(),
        "resumption" | "zerortt" => {
            ensure!(
                all.len() > 1,
                "REQUESTS has not one URL for each connection"
            );
            let (first, rest) = all.split_at(1);
            vec![first, rest]
        }
        // BoringSSL offers all its ciphers, quiche begins no key update and has one version.
        _ => return Ok(None),
    };
    let server = setting.server()?;
    let mut config = ClientConfig::new(&server.host, server.port, setting.trust());
    config.handshake_timeout = PATIENCE;
    config.transport.idle_timeout = PATIENCE;
    config.diagnostics = super::diagnostics(setting)?;
    config.early_data = setting.case == "zerortt";
    let (mut resumed, mut early) = (0, 0);
    for requests in &connections {
        let fetched = connect(setting, &config, requests)?;
        resumed += u32::from(fetched.is_resumed);
        early += u32::from(fetched.is_early);
        config.ticket = fetched.ticket.filter(|_| setting.case != "multiconnect");
    }
    println!(
        "{}",
        json!({"connections": connections.len(), "resumed": resumed, "early": early})
    );
    Ok(Some(()))
}

fn connect(setting: &Setting, config: &ClientConfig, urls: &[Url]) -> anyhow::Result<Fetched> {
    let peer = setting.server()?.resolve()?;
    let socket = UdpSocket::bind((own_address(peer)?, 0))?;
    let (local, now) = (socket.local_addr()?, Instant::now());
    let driver = UdpDriver::new(socket, UdpConfig::default())?;
    match setting.protocol {
        Protocol::Http3 => fetch(setting, Http3::new(config, local, peer, urls, now)?, driver),
        Protocol::Hq => fetch(setting, Hq::new(config, local, peer, urls, now)?, driver),
    }
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

fn fetch(
    setting: &Setting,
    mut fetch: impl Fetch,
    mut driver: UdpDriver,
) -> anyhow::Result<Fetched> {
    let mut until = None;
    // First for the files, then for a ticket for another connection.
    loop {
        let is_more = driver.turn(fetch.connection())?;
        let is_new = fetch.advance(setting)?;
        if fetch.is_done() {
            let deadline = *until.get_or_insert_with(|| Instant::now() + LAST);
            if fetch.ticket().is_some() || Instant::now() > deadline {
                break;
            }
        }
        driver.rest(
            fetch.connection(),
            is_more || is_new,
            Duration::from_millis(20),
        )?;
    }
    let fetched = Fetched {
        ticket: fetch.ticket(),
        is_resumed: fetch.is_resumed(),
        is_early: fetch.is_early(),
    };
    fetch.close();
    while driver.turn(fetch.connection())? {}
    Ok(fetched)
}

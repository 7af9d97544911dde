//! An address of the server to try, and the way to it.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::Context;
use xskit::core::wire;
use xskit::quic::client::Trust;
use xskit::quic::{Client, ClientConfig, udp_payload_for_mtu};

use crate::args::GetArgs;
use crate::attempts::Attempts;
use crate::nic::Nic;
use crate::path::{self, Path, Way};
use crate::serve::hold_port;
use crate::target::Target;
use crate::zone;

/// An address to try: the client, and the socket that holds its port.
pub(super) struct Attempt {
    pub(super) client: Client<wire::Link>,
    pub(super) way: Way,
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) port_holder: UdpSocket,
}

impl Attempt {
    /// The next address that there is a way to. The port `held` stays, if the way begins at its address.
    pub(super) fn next(
        args: &GetArgs,
        target: &Target,
        nic: &Nic,
        attempts: &mut Attempts,
        held: Option<&UdpSocket>,
    ) -> anyhow::Result<Self> {
        while let Some(peer) = attempts.next() {
            let path = match path::find(&nic.link, peer.ip(), attempts.share()) {
                Ok(path) => path,
                Err(error) => {
                    attempts.failed(peer, error);
                    continue;
                }
            };
            let is_same =
                |held: &&UdpSocket| held.local_addr().is_ok_and(|it| it.ip() == path.source);
            let port_holder = match held.filter(is_same) {
                Some(held) => held.try_clone().context("fcntl(F_DUPFD_CLOEXEC)")?,
                None => hold_port(zone::on(SocketAddr::new(path.source, 0), &nic.link)?)?,
            };
            // So that the kernel tells it of ICMP messages; where it can't, the time limit has to do.
            let _ = port_holder.connect(peer);
            let peer = zone::bare(peer);
            let remaining = attempts.remaining();
            let link = wire::Link::new(nic.link.require_mac()?.into(), path.next_hop);
            return Ok(Self {
                client: client(args, target, peer, &path, &port_holder, link, remaining)?,
                way: Way::new(peer.ip(), link),
                peer,
                local: zone::bare(port_holder.local_addr().context("getsockname")?),
                port_holder,
            });
        }
        Err(attempts.error().context(format!("fetching {}", args.url)))
    }
}

fn client(
    args: &GetArgs,
    target: &Target,
    peer: SocketAddr,
    path: &Path,
    port_holder: &UdpSocket,
    link: wire::Link,
    remaining: Duration,
) -> anyhow::Result<Client<wire::Link>> {
    let trust = match &args.ca {
        Some(file) => Trust::File(file.clone()),
        None if args.insecure => Trust::Anyone,
        None => Trust::System,
    };
    let mut config = ClientConfig::new(&target.host, target.port, trust);
    config.handshake_timeout = remaining;
    config.progress_timeout = args.timeout;
    config.transport.idle_timeout = args.timeout;
    config.transport.max_udp_payload_bytes =
        udp_payload_for_mtu(path.mtu_bytes as usize, peer.is_ipv6());
    let local = zone::bare(port_holder.local_addr().context("getsockname")?);
    Ok(Client::new(&config, local, peer, link, Instant::now())?)
}

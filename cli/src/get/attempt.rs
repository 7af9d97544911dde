//! An address of the server to try, and the path to it.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use xskit::net::{Changes, InterfaceAddress};
use xskit::quic::client::Trust;
use xskit::quic::{Client, ClientConfig, udp_payload_for_mtu};
use xskit::wire;

use super::addresses::Addresses;
use super::target::Target;
use crate::args::GetArgs;
use crate::nic::Nic;
use crate::nic::attached::Attached;
use crate::nic::own::Wanted;
use crate::nic::path::{self, FollowedPath, Path};
use crate::nic::port;
use crate::report;
use crate::zone;

/// An address to try: the client, and the socket that holds its port.
pub(super) struct Attempt {
    pub(super) client: Client<wire::LinkPath>,
    pub(super) way: FollowedPath,
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) port_holder: UdpSocket,
    /// The interface has lost `local`, and no other address that leads to the server has been found
    /// yet.
    is_homeless: bool,
}

impl Attempt {
    /// The next address with a path to it. The port `held` is kept if the path begins at its
    /// address.
    pub(super) fn next(
        args: &GetArgs,
        config: &ClientConfig,
        nic: &Nic,
        addresses: &mut Addresses,
        held: Option<&UdpSocket>,
    ) -> anyhow::Result<Self> {
        while let Some(peer) = addresses.next() {
            let path = match path::find(&nic.link, peer.ip(), addresses.share()) {
                Ok(path) => path,
                Err(error) => {
                    addresses.failed(peer, error);
                    continue;
                }
            };
            let is_same =
                |held: &&UdpSocket| held.local_addr().is_ok_and(|it| it.ip() == path.source);
            let port_holder = match held.filter(is_same) {
                Some(held) => held.try_clone().context("fcntl(F_DUPFD_CLOEXEC)")?,
                None => port::hold(zone::on(SocketAddr::new(path.source, 0), &nic.link)?)?,
            };
            // So that the kernel reports ICMP messages on it. If this fails, the time limit still
            // holds.
            let _ = port_holder.connect(peer);
            let peer = zone::bare(peer);
            let remaining = addresses.remaining();
            let link = wire::LinkPath::new(nic.link.require_mac()?.into(), path.next_hop);
            return Ok(Self {
                client: client(config, peer, &path, &port_holder, link, remaining)?,
                way: FollowedPath::new(peer.ip(), link),
                peer,
                local: zone::bare(port_holder.local_addr().context("getsockname(2)")?),
                port_holder,
                is_homeless: false,
            });
        }
        Err(addresses.error().context(format!("fetching {}", args.url)))
    }

    /// Follows changes: moves to the path that the kernel knows now, and to another local address
    /// if the interface has lost this one.
    pub(super) fn follow(&mut self, nic: &Nic, attached: &mut Attached, changes: Changes) {
        if let Some(link) = self.way.follow(&nic.link, changes) {
            self.client.set_link(link);
        }
        if changes.addresses || self.is_homeless {
            self.is_homeless = own(nic, self.local.ip()).is_none();
            // A client may not migrate before the handshake is confirmed (RFC 9000, section 9).
            if self.is_homeless && self.client.is_connected() {
                self.is_homeless = self.move_out(nic, attached).is_none();
            }
        }
    }

    /// Moves to the address from which the kernel would send. `None` if there is none yet: the next
    /// look may find one.
    fn move_out(&mut self, nic: &Nic, attached: &mut Attached) -> Option<()> {
        let (link, source) = path::known_from(&nic.link, self.peer.ip())?;
        let hold = |port| port::hold(zone::on(SocketAddr::new(source, port), &nic.link)?);
        let is_usable = own(nic, source).is_some_and(|own| own.is_usable);
        let is_another = is_usable && source != self.local.ip();
        let held = is_another.then(|| hold(self.local.port()).or_else(|_| hold(0)))?;
        let held = held.inspect_err(|error| tracing::info!("no port there: {error:#}"));
        let port_holder = held.ok()?;
        self.local = zone::bare(port_holder.local_addr().ok()?);
        self.port_holder = port_holder;
        tracing::info!("the download goes on from {}", self.local);
        attached.take_instead(Wanted::new(self.local.port(), self.local.ip()));
        self.way = FollowedPath::new(self.peer.ip(), link);
        self.client.set_link(link);
        self.client.set_local(self.local);
        Some(())
    }

    /// The error, with the address that the interface has lost, which may be its cause.
    pub(super) fn explain(&self, error: anyhow::Error, nic: &Nic) -> anyhow::Error {
        match self.loss(nic) {
            Some(loss) => anyhow!(
                "{}; {loss}, and has no other that leads to {}",
                report::describe(&error),
                self.peer.ip()
            ),
            None => error,
        }
    }

    /// The address that the interface has lost, if it has no other instead.
    pub(super) fn loss(&self, nic: &Nic) -> Option<String> {
        self.is_homeless.then(|| {
            let (name, own) = (&nic.link.name, self.local.ip());
            format!("{name} has lost the address {own}")
        })
    }
}

/// The address, if the interface has it.
fn own(nic: &Nic, address: IpAddr) -> Option<InterfaceAddress> {
    let all = nic.link.addresses().ok()?;
    all.into_iter().find(|own| own.address == address)
}

/// The configuration that all attempts share.
pub(super) fn config(args: &GetArgs, target: &Target) -> anyhow::Result<ClientConfig> {
    let trust = match &args.ca {
        Some(file) => Trust::File(file.clone()),
        None if args.insecure => Trust::Anyone,
        None => Trust::System,
    };
    let mut config = ClientConfig::new(&target.host, target.port, trust);
    config.progress_timeout = args.timeout;
    config.transport.idle_timeout = args.timeout;
    config.diagnostics = args.diagnostics.open(None)?;
    Ok(config)
}

fn client(
    config: &ClientConfig,
    peer: SocketAddr,
    path: &Path,
    port_holder: &UdpSocket,
    link: wire::LinkPath,
    remaining: Duration,
) -> anyhow::Result<Client<wire::LinkPath>> {
    let mut config = config.clone();
    config.handshake_timeout = remaining;
    config.transport.max_udp_payload_bytes =
        udp_payload_for_mtu(path.mtu_bytes as usize, peer.is_ipv6());
    let local = zone::bare(port_holder.local_addr().context("getsockname(2)")?);
    Ok(Client::new(&config, local, peer, link, Instant::now())?)
}

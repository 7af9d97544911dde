//! The sender for all receivers: short bursts, so that no ring overflows and every packet counts
//! once.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use xskit_benches::stop::Stop;
use xskit_benches::veth;
use xskit_core::socket::ZeroCopy;
use xskit_core::umem::{FrameSlot, Umem};
use xskit_core::{Socket, SocketConfig};
use xskit_rustix::{MmapMemory, RustixBackend};
use xskit_testbed::Host;
use xskit_wire::{LinkPath, MacAddr, UdpHeaders};

use super::bed::in_host;
use crate::job::PORT;

/// An address that no card has, so that receiving costs no instruction.
pub(crate) const NOBODY_MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 0x99]);
/// An address in the hosts' network that nobody has.
pub(crate) const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 99);

/// Packets per burst: fewer than any ring or socket buffer on the way holds.
const BURST: u32 = 256;
/// Between two bursts: long enough for every receiver to finish one.
const PAUSE: Duration = Duration::from_millis(1);
/// Between two kicks while packets wait on the TX ring.
const BACKLOG: Duration = Duration::from_micros(50);

/// Sends bursts to the MAC address until `stop`, in copy mode, which every driver has.
pub(crate) fn send(from: &Host, to: MacAddr, address: Ipv4Addr, stop: &Stop) -> anyhow::Result<()> {
    from.namespace.enter()?;
    let link = LinkPath::new(NOBODY_MAC, to);
    let headers = UdpHeaders::new(link, (NOBODY, 9).into(), (address, PORT).into());
    let backend = RustixBackend::new();
    let mut slots = vec![FrameSlot::new(); veth::FRAMES];
    let umem = veth::umem(&mut slots);
    veth::write_all(&umem, &headers, veth::PACKET_LEN);
    let config = SocketConfig {
        fill_frames: Some(0),
        zero_copy: ZeroCopy::Refuse,
        ..SocketConfig::new(from.link.index, 0)
    };
    let opened = Socket::open(&backend, &umem, &config);
    let mut socket = opened.map_err(|error| anyhow!("the sender: {error}"))?;
    while !stop.is_set() {
        burst(&umem, &mut socket)?;
        thread::sleep(PAUSE);
    }
    Ok(())
}

fn burst<'u>(
    umem: &'u Umem<'u, MmapMemory>,
    socket: &mut Socket<'u, RustixBackend>,
) -> anyhow::Result<()> {
    let (_, mut transmitter) = socket.halves();
    for _ in 0..BURST {
        let Some(mut frame) = umem.alloc() else { break };
        frame.set_range(0..veth::PACKET_LEN)?;
        if transmitter.send(frame).is_err() {
            break;
        }
    }
    loop {
        socket.flush().context("the sender's kick")?;
        socket.recycle();
        if socket.halves().1.waiting() == 0 {
            return Ok(());
        }
        thread::sleep(BACKLOG);
    }
}

/// Gives both hosts a neighbour entry for nobody, so that kernel sockets can send there.
pub(crate) fn introduce_nobody(hosts: [&Host; 2]) -> anyhow::Result<()> {
    for host in hosts {
        let device = &host.link.name;
        let entry = format!("{NOBODY} lladdr {NOBODY_MAC} dev {device} nud permanent");
        in_host(host, &format!("ip neighbour replace {entry}"))?;
    }
    Ok(())
}

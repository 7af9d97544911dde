//! The packet that a benchmark sends.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::ensure;
use xskit::net::Link;
use xskit::wire::{self, MacAddr, UdpHeaders};

use crate::args::FlowArgs;
use crate::nic::path;

/// Addresses for benchmarks (RFC 2544, appendix C.2.2).
const BENCH_SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1));
const BENCH_DESTINATION: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 0, 2));

/// The least payload: room for a sequence number.
const MIN_PAYLOAD_BYTES: usize = 8;

/// Builds the packet, all headers included.
pub(super) fn build(args: &FlowArgs, link: &Link) -> anyhow::Result<Vec<u8>> {
    let headers = headers(args, link)?;
    let (size, start) = (usize::from(args.run.size), headers.header_len());
    let least = start + MIN_PAYLOAD_BYTES;
    let most = link.mtu_bytes as usize + headers.link.header_len();
    ensure!(
        (least..=most).contains(&size),
        "--size: packets of {size} bytes are not possible on {}: use {least} to {most}",
        link.name
    );
    let mut packet = vec![0; size];
    headers.emit(&mut packet, size - start)?;
    Ok(packet)
}

fn headers(args: &FlowArgs, link: &Link) -> anyhow::Result<UdpHeaders> {
    let port = args.run.port;
    let own_mac = MacAddr::new(link.require_mac()?);
    let Some(to) = args.to else {
        let to_peer = wire::LinkPath::new(own_mac, args.to_mac);
        let source = SocketAddr::new(BENCH_SOURCE, port);
        return Ok(UdpHeaders::new(
            to_peer,
            source,
            SocketAddr::new(BENCH_DESTINATION, port),
        ));
    };
    let path = path::find(link, to, path::RESOLUTION_PATIENCE)?;
    let to_peer = wire::LinkPath::new(own_mac, path.next_hop);
    let source = SocketAddr::new(path.source, port);
    Ok(UdpHeaders::new(to_peer, source, SocketAddr::new(to, port)))
}

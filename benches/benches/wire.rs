//! Packet headers: read, written, and the checksum, for packets of 64 and of 1,400 bytes.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use xskit_wire::{Checksum, Datagram, LinkPath, MacAddr, UdpChecksum, UdpHeaders};

/// Whole packets, from the Ethernet header on, in bytes.
const LENGTHS: [usize; 2] = [64, 1400];

fn headers(version: &str) -> UdpHeaders {
    let (from, to): (IpAddr, IpAddr) = match version {
        "IPv4" => (
            Ipv4Addr::new(10, 0, 0, 1).into(),
            Ipv4Addr::new(10, 0, 0, 2).into(),
        ),
        _ => (
            Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1).into(),
            Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2).into(),
        ),
    };
    let link = LinkPath::new(
        MacAddr::new([2, 0, 0, 0, 0, 1]),
        MacAddr::new([2, 0, 0, 0, 0, 2]),
    );
    UdpHeaders::new(
        link,
        SocketAddr::new(from, 443),
        SocketAddr::new(to, 50_000),
    )
}

/// A packet of `len` bytes, or of the shortest length that holds the headers.
fn packet(headers: &UdpHeaders, len: usize) -> Vec<u8> {
    let mut packet: Vec<u8> = (0..=u8::MAX)
        .cycle()
        .take(len.max(headers.header_len()))
        .collect();
    let payload_len = packet.len() - headers.header_len();
    headers
        .emit(&mut packet, payload_len)
        .expect("room for the headers");
    packet
}

fn checksum(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wire/checksum");
    for len in LENGTHS {
        let bytes = vec![0xa5; len];
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new("bytes", len), |bencher| {
            bencher.iter(|| Checksum::new().bytes(black_box(&bytes)).finish());
        });
    }
}

fn parse(criterion: &mut Criterion) {
    for (name, checksum) in [
        ("wire/parse", UdpChecksum::Ignore),
        ("wire/parse and verify", UdpChecksum::Verify),
    ] {
        let mut group = criterion.benchmark_group(name);
        for version in ["IPv4", "IPv6"] {
            for len in LENGTHS {
                let packet = packet(&headers(version), len);
                Datagram::parse(&packet, checksum).expect("a sound packet");
                group.throughput(Throughput::Elements(1));
                group.bench_function(BenchmarkId::new(version, len), |bencher| {
                    bencher.iter(|| Datagram::parse(black_box(&packet), checksum));
                });
            }
        }
    }
}

fn emit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wire/emit");
    for version in ["IPv4", "IPv6"] {
        for len in LENGTHS {
            let headers = headers(version);
            let mut packet = packet(&headers, len);
            let payload_len = packet.len() - headers.header_len();
            group.throughput(Throughput::Elements(1));
            group.bench_function(BenchmarkId::new(version, len), |bencher| {
                bencher.iter(|| black_box(&headers).emit(black_box(&mut packet), payload_len));
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = checksum, parse, emit
}
criterion_main!(benches);

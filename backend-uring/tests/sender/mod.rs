//! A socket that only sends, on a ring.

use xskit_backend_suite::fixture::{Bed, MmapUmem, UdpHeaders, headers_to_port};
use xskit_core::ring::RingSize;
use xskit_core::{Socket, SocketConfig};
use xskit_testbed::HostPair;
use xskit_uring::{UringBackend, UringConfig};

use super::availability;

/// A socket in the first host, with this many slots for completions.
pub(crate) fn sender(pair: &HostPair, queue: u32, completions: u32) -> SocketConfig {
    SocketConfig {
        fill_frames: Some(0),
        // What every kernel does.
        kick_budget: Some(32),
        tx: RingSize::new(512).expect("a power of two"),
        completion: RingSize::new(completions).expect("a power of two"),
        ..SocketConfig::new(pair.first.link.index, queue)
    }
}

/// Has `act` use such a socket in the first host, and headers of a datagram to the second.
pub(crate) fn with_sender(
    test: &str,
    config: UringConfig,
    completions: u32,
    act: impl for<'u> FnOnce(&mut Socket<'u, UringBackend>, &'u MmapUmem<'u>, &UdpHeaders) + Send,
) {
    let make = || UringBackend::new(config).expect("a ring");
    if availability::is_there(config)
        && let Some(bed) = Bed::new(test, 1, &make)
    {
        let headers = headers_to_port(&bed.pair);
        let config = sender(&bed.pair, 0, completions);
        bed.open(&bed.pair.first, &config, |socket, umem| {
            act(socket, umem, &headers);
        });
    }
}

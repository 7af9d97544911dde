//! Many sockets on one thread, each with its own UMEM: the cost per packet must not depend on their
//! number.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Context;
use xskit_benches::loopback::Loopback;
use xskit_benches::{round_trip, turns, veth};
use xskit_core::umem::{FrameSlot, Umem};
use xskit_core::{Backend, Errno, Socket, SocketConfig};
use xskit_rustix::MmapMemory;
use xskit_testbed::{HostPair, HostPairConfig};

use crate::figures::{Figures, NS};

/// The jobs: over rings in memory, and sending over as many queues of a veth pair by each backend.
pub(crate) const JOBS: [&str; 3] = ["sockets-memory", "sockets-rustix", "sockets-uring"];

/// How many sockets.
pub(crate) const COUNTS: [usize; 4] = [1, 4, 16, 64];

const MOST: usize = COUNTS[COUNTS.len() - 1];

/// The book-keeping of a UMEM.
type Slots = Vec<FrameSlot>;

/// Nanoseconds per packet for each of [`COUNTS`]: sent, received back, and its frame recycled, over
/// rings whose other side only moves descriptors.
pub(crate) fn in_memory(length: Duration) -> anyhow::Result<Vec<Figures>> {
    let backends: Vec<_> = (0..MOST).map(|_| Loopback::default()).collect();
    let mut slots = slots();
    let umems = umems(&mut slots);
    let sockets = backends
        .iter()
        .zip(&umems)
        .map(|(backend, umem)| round_trip::socket(backend, umem));
    let mut served: Vec<_> = umems.iter().zip(sockets).collect();
    COUNTS
        .map(|count| {
            let served = &mut served[..count];
            cost(length, count, || {
                for (umem, socket) in served.iter_mut() {
                    black_box(round_trip::socket_turn(umem, socket, turns::BATCH));
                }
                Ok(())
            })
        })
        .into_iter()
        .collect()
}

/// The same over as many queues of a veth pair, with real sockets that only send: each requests its
/// kicks in turn, and one call submits them all.
pub(crate) fn over_veth<B, E>(
    make: impl FnOnce() -> Result<B, E> + Send,
    length: Duration,
) -> anyhow::Result<Vec<Figures>>
where
    B: Backend,
    E: std::error::Error + Send + Sync + 'static,
{
    let pair = HostPair::new(HostPairConfig {
        queues: MOST as u32,
        ..HostPairConfig::default()
    })?;
    pair.first.run(|| {
        let backend = make()?;
        let mut slots = slots();
        let umems = umems(&mut slots);
        let mut sockets = open(&backend, &umems, &pair)?;
        COUNTS
            .map(|count| {
                let mut served: Vec<_> = umems.iter().zip(&mut sockets).take(count).collect();
                cost(length, count, || send_all(&backend, &mut served))
            })
            .into_iter()
            .collect()
    })?
}

/// A socket per UMEM, each on its own queue, with the packet written into every frame.
fn open<'u, B: Backend>(
    backend: &'u B,
    umems: &'u [Umem<'u, MmapMemory>],
    pair: &HostPair,
) -> anyhow::Result<Vec<Socket<'u, B>>> {
    let headers = veth::headers_to_nobody(&pair.first, &pair.second);
    let mut sockets = Vec::new();
    for (queue, umem) in (0..).zip(umems) {
        veth::write_all(umem, &headers, veth::PACKET_LEN);
        let config = SocketConfig {
            fill_frames: Some(0),
            fill: round_trip::RING_SIZE,
            completion: round_trip::RING_SIZE,
            rx: round_trip::RING_SIZE,
            tx: round_trip::RING_SIZE,
            ..SocketConfig::new(pair.first.link.index, queue)
        };
        let opened = Socket::open(backend, umem, &config);
        sockets.push(opened.with_context(|| format!("a socket on queue {queue}"))?);
    }
    Ok(sockets)
}

/// A batch per socket, and one submission.
fn send_all<'u, B: Backend>(
    backend: &B,
    served: &mut [(&'u Umem<'u, MmapMemory>, &mut Socket<'u, B>)],
) -> Result<(), Errno> {
    for (umem, socket) in served.iter_mut() {
        let (_, mut transmitter) = socket.halves();
        let mut reservation = transmitter.reserve(turns::BATCH);
        while !reservation.is_empty() {
            let Some(mut frame) = umem.alloc() else { break };
            // Both fit: frames are longer, and there is a slot.
            if frame.set_range(0..veth::PACKET_LEN).is_err() || reservation.send(frame).is_err() {
                break;
            }
        }
        socket.request()?;
    }
    backend.submit()?;
    served.iter_mut().for_each(|(_, socket)| socket.recycle());
    Ok(())
}

fn slots() -> Vec<Slots> {
    vec![vec![FrameSlot::new(); round_trip::FRAMES]; MOST]
}

fn umems(slots: &mut [Slots]) -> Vec<Umem<'_, MmapMemory>> {
    slots.iter_mut().map(|slots| veth::umem(slots)).collect()
}

/// Serves all of them, a batch each, for `length`.
fn cost(
    length: Duration,
    count: usize,
    mut serve: impl FnMut() -> Result<(), Errno>,
) -> anyhow::Result<Figures> {
    // The number of batches between two looks at the clock does not depend on the count.
    let rounds = MOST / count;
    let mut batches = 0;
    serve()?;
    let started = Instant::now();
    while started.elapsed() < length {
        for _ in 0..rounds {
            serve()?;
        }
        batches += rounds * count;
    }
    let packets = batches as f64 * f64::from(turns::BATCH);
    Ok(Figures::of([(
        NS,
        started.elapsed().as_nanos() as f64 / packets,
    )]))
}

//! Many sockets served by one thread, each with a UMEM of its own: what a packet costs must not depend on how many.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Context;
use xskit_benches::loopback::Loopback;
use xskit_benches::{round_trip, turns, veth};
use xskit_core::umem::{FrameStore, Umem};
use xskit_core::{Errno, Socket, SocketConfig};
use xskit_net::{HostPair, HostPairConfig};
use xskit_rustix::{MmapMemory, RustixBackend};

use crate::figures::{Figures, NS};

/// How many sockets.
pub const COUNTS: [usize; 4] = [1, 4, 16, 64];

const MOST: usize = COUNTS[COUNTS.len() - 1];

/// Turns between two looks at the clock; each serves every socket in turn, so counts differ in nothing but that.
const TURNS: usize = MOST;

type Store = FrameStore<{ round_trip::FRAMES }>;

/// Nanoseconds a packet for each of [`COUNTS`]: sent, received back, and its frame recycled, over rings whose other
/// side only moves descriptors.
///
/// # Errors
/// Where there is no memory.
pub fn in_memory(length: Duration) -> anyhow::Result<Vec<Figures>> {
    let backends: Vec<_> = (0..MOST).map(|_| Loopback::default()).collect();
    let mut stores = stores();
    let umems = umems(&mut stores)?;
    let sockets = backends
        .iter()
        .zip(&umems)
        .map(|(backend, umem)| round_trip::socket(backend, umem));
    let mut served: Vec<_> = umems.iter().zip(sockets).collect();
    Ok(COUNTS
        .map(|count| {
            cost(length, &mut served[..count], |(umem, socket)| {
                black_box(round_trip::socket_turn(umem, socket, turns::BATCH));
            })
        })
        .to_vec())
}

/// The same over as many queues of a veth pair, with real sockets that only send.
///
/// # Errors
/// Where hosts or sockets can't be made.
pub fn over_veth(length: Duration) -> anyhow::Result<Vec<Figures>> {
    let pair = HostPair::new(HostPairConfig {
        queues: MOST as u32,
        ..HostPairConfig::default()
    })?;
    pair.first.run(|| {
        let backend = RustixBackend::new();
        let mut stores = stores();
        let umems = umems(&mut stores)?;
        let headers = veth::headers_to_nobody(&pair.first, &pair.second);
        let mut served = Vec::new();
        for (queue, umem) in (0..).zip(&umems) {
            veth::write_all(umem, &headers);
            let config = SocketConfig {
                fill_frames: Some(0),
                fill: round_trip::RING_SIZE,
                completion: round_trip::RING_SIZE,
                rx: round_trip::RING_SIZE,
                tx: round_trip::RING_SIZE,
                ..SocketConfig::new(pair.first.link.index, queue)
            };
            let opened: Result<Socket<'_, _>, _> = Socket::open(&backend, umem, &config);
            served.push((
                umem,
                opened.with_context(|| format!("a socket on queue {queue}"))?,
            ));
        }
        let all = COUNTS.map(|count| {
            cost(length, &mut served[..count], |(umem, socket)| {
                turns::send(umem, socket)
            })
        });
        Ok(all.to_vec())
    })?
}

fn stores() -> Vec<Store> {
    (0..MOST).map(|_| Store::new()).collect()
}

fn umems(stores: &mut [Store]) -> Result<Vec<Umem<'_, MmapMemory>>, Errno> {
    stores.iter_mut().map(round_trip::umem).collect()
}

/// Serves all in turn, a batch each, for a while.
fn cost<S>(length: Duration, served: &mut [S], mut turn: impl FnMut(&mut S)) -> Figures {
    let mut serve = |turns: usize| {
        for at in 0..turns {
            let count = served.len();
            turn(&mut served[at % count]);
        }
    };
    serve(TURNS);
    let (started, mut turns) = (Instant::now(), 0);
    while started.elapsed() < length {
        serve(TURNS);
        turns += TURNS;
    }
    let packets = turns as f64 * f64::from(turns::BATCH);
    Figures::of([(NS, started.elapsed().as_nanos() as f64 / packets)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_has_its_cost() {
        let costs = in_memory(Duration::from_millis(1)).expect("memory");
        assert_eq!(costs.len(), COUNTS.len());
        assert!(
            costs
                .iter()
                .all(|cost| cost.get(NS).is_some_and(|ns| ns > 0.0)),
            "{costs:?}"
        );
    }
}

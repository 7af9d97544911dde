//! Our rings, with no account of frames: the twins of the functions in `libxdp.c`.

use xskit_core::abi::Desc;
use xskit_core::ring::{CompletionRing, FillRing, RxRing, TxRing};

use crate::Ends;
use xskit_benches::ring_view::RingViews;

/// Our ends of the four rings.
#[derive(Debug)]
pub struct BareRings<'m> {
    fill: FillRing<'m>,
    completion: CompletionRing<'m>,
    rx: RxRing<'m>,
    tx: TxRing<'m>,
    /// How often the kernel asked to be woken.
    wakes: u64,
}

#[inline(never)]
fn bare_fill(rings: &mut BareRings<'_>, addresses: &[u64]) -> u32 {
    let ring = &mut rings.fill;
    let room = ring.reserve(addresses.len() as u32);
    for address in addresses.iter().take(room as usize) {
        if ring.push(*address).is_err() {
            break;
        }
    }
    ring.commit();
    room
}

#[inline(never)]
fn bare_completion(rings: &mut BareRings<'_>, addresses: &mut [u64]) -> u32 {
    let ring = &mut rings.completion;
    let count = ring.peek(addresses.len() as u32);
    for address in addresses.iter_mut().take(count as usize) {
        let Some(completed) = ring.pop() else { break };
        *address = completed;
    }
    ring.release();
    count
}

#[inline(never)]
fn bare_rx(rings: &mut BareRings<'_>, packets: &mut [Desc]) -> u32 {
    let ring = &mut rings.rx;
    let count = ring.peek(packets.len() as u32);
    for packet in packets.iter_mut().take(count as usize) {
        let Some(received) = ring.pop() else { break };
        *packet = received;
    }
    ring.release();
    count
}

#[inline(never)]
fn bare_tx(rings: &mut BareRings<'_>, packets: &[Desc]) -> u32 {
    let ring = &mut rings.tx;
    let room = ring.reserve(packets.len() as u32);
    for packet in packets.iter().take(room as usize) {
        if ring.push(*packet).is_err() {
            break;
        }
    }
    ring.commit();
    room
}

#[inline(never)]
fn bare_flags(rings: &mut BareRings<'_>) {
    if rings.tx.needs_wakeup() {
        rings.wakes += 1;
    }
    if rings.fill.needs_wakeup() {
        rings.wakes += 1;
    }
}

#[inline(never)]
fn bare_round_trip(rings: &mut BareRings<'_>, batch: u32) -> u32 {
    let count = send_back(rings, batch);
    refill(rings, batch);
    count
}

#[inline(never)]
fn bare_forward(rings: &mut BareRings<'_>, batch: u32) -> u32 {
    let count = send_back(rings, batch);
    if rings.tx.needs_wakeup() {
        rings.wakes += 1;
    }
    refill(rings, batch);
    if rings.fill.needs_wakeup() {
        rings.wakes += 1;
    }
    count
}

/// Received packets to the TX ring.
#[inline(always)]
fn send_back(rings: &mut BareRings<'_>, batch: u32) -> u32 {
    let count = rings.rx.peek(batch);
    let count = rings.tx.reserve(count);
    for _ in 0..count {
        let Some(packet) = rings.rx.pop() else { break };
        if rings.tx.push(packet).is_err() {
            break;
        }
    }
    rings.tx.commit();
    rings.rx.release();
    count
}

/// Sent frames to the fill ring.
#[inline(always)]
fn refill(rings: &mut BareRings<'_>, batch: u32) {
    let count = rings.completion.peek(batch);
    let count = rings.fill.reserve(count);
    for _ in 0..count {
        let Some(address) = rings.completion.pop() else {
            break;
        };
        if rings.fill.push(address).is_err() {
            break;
        }
    }
    rings.fill.commit();
    rings.completion.release();
}

impl<'m> Ends<'m> for BareRings<'m> {
    fn open(rings: &RingViews<'m>) -> Self {
        Self {
            fill: FillRing::new(rings.fill.memory()),
            completion: CompletionRing::new(rings.completion.memory()),
            rx: RxRing::new(rings.rx.memory()),
            tx: TxRing::new(rings.tx.memory()),
            wakes: 0,
        }
    }

    fn fill(&mut self, addresses: &[u64]) -> u32 {
        bare_fill(self, addresses)
    }

    fn completion(&mut self, addresses: &mut [u64]) -> u32 {
        bare_completion(self, addresses)
    }

    fn rx(&mut self, packets: &mut [Desc]) -> u32 {
        bare_rx(self, packets)
    }

    fn tx(&mut self, packets: &[Desc]) -> u32 {
        bare_tx(self, packets)
    }

    fn flags(&mut self) {
        bare_flags(self);
    }

    fn round_trip(&mut self, batch: u32) -> u32 {
        bare_round_trip(self, batch)
    }

    fn forward(&mut self, batch: u32) -> u32 {
        bare_forward(self, batch)
    }
}

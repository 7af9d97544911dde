//! Our rings without a ledger: the counterparts of the functions in `libxdp.c`.

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
    rings.fill.push_from(addresses)
}

#[inline(never)]
fn bare_completion(rings: &mut BareRings<'_>, addresses: &mut [u64]) -> u32 {
    rings.completion.drain_into(addresses)
}

#[inline(never)]
fn bare_rx(rings: &mut BareRings<'_>, packets: &mut [Desc]) -> u32 {
    rings.rx.drain_into(packets)
}

#[inline(never)]
fn bare_tx(rings: &mut BareRings<'_>, packets: &[Desc]) -> u32 {
    rings.tx.push_from(packets)
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
    let received = rings.rx.drain(batch);
    let count = received.len() as u32;
    if rings.tx.push_all(received).is_err() {
        return 0;
    }
    rings.tx.commit();
    count
}

/// Sent frames to the fill ring.
#[inline(always)]
fn refill(rings: &mut BareRings<'_>, batch: u32) {
    let completed = rings.completion.drain(batch);
    if rings.fill.push_all(completed).is_ok() {
        rings.fill.commit();
    }
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

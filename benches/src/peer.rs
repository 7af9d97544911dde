//! The kernel's part on all four rings, reduced to moving descriptors.

use xskit_core::abi::Desc;
use xskit_core::ring::{AddressSlot, Consumer, DescSlot, Producer};

use crate::ring_view::RingViews;

/// The other ends of a socket's rings: every packet sent is received again.
///
/// It reads and moves no byte of a packet: a benchmark measures descriptors only.
#[derive(Debug)]
pub struct Peer<'m> {
    fill: Consumer<'m, AddressSlot>,
    completion: Producer<'m, AddressSlot>,
    rx: Producer<'m, DescSlot>,
    tx: Consumer<'m, DescSlot>,
}

impl<'m> Peer<'m> {
    /// Takes up the kernel's ends of these rings.
    #[must_use]
    pub fn new(rings: &RingViews<'m>) -> Self {
        Self {
            fill: Consumer::new(rings.fill.memory()),
            completion: Producer::new(rings.completion.memory()),
            rx: Producer::new(rings.rx.memory()),
            tx: Consumer::new(rings.tx.memory()),
        }
    }

    /// Takes everything off the TX ring: its frame goes onto the completion ring, and a packet of
    /// the same length onto the RX ring, in a frame of the fill ring. Returns how many it moved.
    ///
    /// Stops where a ring is empty or full. Never inlined, so that a profiler has a name for this
    /// end.
    #[inline(never)]
    pub fn peer_turn(&mut self) -> u32 {
        let packets = self.tx.peek(u32::MAX);
        let packets = self.completion.reserve(packets);
        let packets = self.rx.reserve(packets);
        let packets = self.fill.peek(packets);
        for _ in 0..packets {
            let (Some(sent), Some(addr)) = (self.tx.pop(), self.fill.pop()) else {
                break;
            };
            let received = Desc {
                addr,
                len: sent.len,
                options: 0,
            };
            if self.completion.push(sent.addr).is_err() || self.rx.push(received).is_err() {
                break;
            }
        }
        self.tx.release();
        self.fill.release();
        self.completion.commit();
        self.rx.commit();
        packets
    }
}

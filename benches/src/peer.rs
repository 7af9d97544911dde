//! The kernel's part on all four rings, reduced to moving descriptors.

use xskit_core::abi::Desc;
use xskit_core::ring::{AddressSlot, Consumer, DescSlot, Producer, RingMemory};

/// The four rings of one socket.
#[derive(Clone, Copy, Debug)]
pub struct Rings<'m> {
    /// Empty frames to the kernel.
    pub fill: RingMemory<'m, AddressSlot>,
    /// Sent frames from the kernel.
    pub completion: RingMemory<'m, AddressSlot>,
    /// Received packets from the kernel.
    pub rx: RingMemory<'m, DescSlot>,
    /// Packets to send to the kernel.
    pub tx: RingMemory<'m, DescSlot>,
}

/// The other ends of a socket's rings: every packet sent is received again.
///
/// No byte of a packet is looked at or moved, so what a benchmark sees is descriptors only.
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
    pub fn new(rings: &Rings<'m>) -> Self {
        Self {
            fill: Consumer::new(rings.fill),
            completion: Producer::new(rings.completion),
            rx: Producer::new(rings.rx),
            tx: Consumer::new(rings.tx),
        }
    }

    /// Takes everything off the TX ring: its frame goes onto the completion ring, and a packet of
    /// the same length onto the RX ring, in a frame of the fill ring. Returns how many it moved.
    ///
    /// Stops where a ring has no more to give or to take. Never inlined, so that a profiler can
    /// tell this end from ours by name.
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

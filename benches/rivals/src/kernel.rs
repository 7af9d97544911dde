//! The kernel's part in two halves: the slow one beforehand, and four stores per batch.

use std::sync::atomic::Ordering;

use xskit_core::abi::Desc;
use xskit_core::ring::Slot;

use xskit_benches::ring_view::{RingViews, advance};
use xskit_benches::round_trip::PACKET_LEN;

/// The kernel's ends of the four rings: every packet sent is received again.
///
/// Our ends find new words once per batch, as with a real kernel, at any time between two looks at
/// the clock; only four stores of this end are measured with them.
#[derive(Clone, Copy, Debug)]
pub struct Kernel<'m> {
    rings: RingViews<'m>,
}

impl<'m> Kernel<'m> {
    /// Takes up the kernel's ends of these rings.
    #[must_use]
    pub fn new(rings: RingViews<'m>) -> Self {
        Self { rings }
    }

    /// Puts this many frames on the fill ring and packets on the TX ring, for the user, so that
    /// there is something to go round. The frames are those of a UMEM with frames of 4 KiB.
    pub fn start(&self, descriptors: u32) {
        let RingViews { fill, tx, .. } = self.rings;
        for number in 0..descriptors {
            let frame = u64::from(number) * 2 * 4096;
            fill.slot(number).store(frame);
            tx.slot(number).store(packet(frame + 4096));
        }
        advance(fill.producer, descriptors);
        advance(tx.producer, descriptors);
    }

    /// Writes what [`publish`](Self::publish) then shows: the frames of the next packets on the TX
    /// ring onto the completion ring, and as many packets onto the RX ring, in frames of the fill
    /// ring. That many must be there.
    pub fn write_ahead(&self, descriptors: u32) {
        let RingViews {
            fill,
            completion,
            rx,
            tx,
        } = self.rings;
        let word = |word: &std::sync::atomic::AtomicU32| word.load(Ordering::Relaxed);
        let (sent, empty) = (word(tx.consumer), word(fill.consumer));
        let (back, received) = (word(completion.producer), word(rx.producer));
        for i in 0..descriptors {
            let sent = tx.slot(sent.wrapping_add(i)).load();
            completion.slot(back.wrapping_add(i)).store(sent.addr);
            let frame = fill.slot(empty.wrapping_add(i)).load();
            rx.slot(received.wrapping_add(i)).store(packet(frame));
        }
    }

    /// Shows the next `batch` of what was written ahead, on all four rings.
    #[inline]
    pub fn publish(&self, batch: u32) {
        let RingViews {
            fill,
            completion,
            rx,
            tx,
        } = &self.rings;
        for word in [tx.consumer, completion.producer, fill.consumer, rx.producer] {
            advance(word, batch);
        }
    }
}

/// A packet that is never written or read.
#[must_use]
pub fn packet(addr: u64) -> Desc {
    Desc {
        addr,
        len: PACKET_LEN,
        options: 0,
    }
}

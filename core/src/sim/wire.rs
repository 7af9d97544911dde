//! The wire: packets in transit, and what happens to them.

use std::collections::VecDeque;

use super::Rng;

/// What happens to packets on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireConfig {
    /// Packets lost, of 1,000.
    pub loss_per_mille: u32,
    /// Packets that arrive twice, of 1,000.
    pub duplicate_per_mille: u32,
    /// Packets that overtake others, of 1,000.
    pub reorder_per_mille: u32,
    /// How many packets stay in transit until later ones push them out, or a wait lets time pass.
    pub depth: usize,
}

impl WireConfig {
    /// Every packet arrives, once, in order, at once.
    #[must_use]
    pub const fn perfect() -> Self {
        Self {
            loss_per_mille: 0,
            duplicate_per_mille: 0,
            reorder_per_mille: 0,
            depth: 0,
        }
    }
}

/// One direction of the wire.
#[derive(Debug)]
pub(super) struct Wire {
    config: WireConfig,
    under_way: VecDeque<Vec<u8>>,
}

impl Wire {
    pub(super) fn new(config: WireConfig) -> Self {
        Self {
            config,
            under_way: VecDeque::new(),
        }
    }

    /// Puts a packet on the wire.
    pub(super) fn send(&mut self, packet: Vec<u8>, rng: &mut Rng) {
        if rng.chance(self.config.loss_per_mille) {
            return;
        }
        if rng.chance(self.config.duplicate_per_mille) {
            self.insert(packet.clone(), rng);
        }
        self.insert(packet, rng);
    }

    /// The next packet to arrive. With `time_passes`, also those that the depth would hold back.
    pub(super) fn arrive(&mut self, time_passes: bool) -> Option<Vec<u8>> {
        let held_back = if time_passes { 0 } else { self.config.depth };
        if self.under_way.len() > held_back {
            self.under_way.pop_front()
        } else {
            None
        }
    }

    fn insert(&mut self, packet: Vec<u8>, rng: &mut Rng) {
        let end = self.under_way.len();
        let overtaken = if rng.chance(self.config.reorder_per_mille) {
            rng.below(end as u64 + 1) as usize
        } else {
            0
        };
        self.under_way.insert(end - overtaken, packet);
    }
}

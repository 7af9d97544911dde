//! What there is for each socket.

use std::collections::VecDeque;

use super::wakeups::Wakeups;
use super::{Passed, Place};

/// The state of one socket: its frames with the kernel, the progress of its rings, and the calls it
/// owes the kernel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    /// The frames of the places [that each socket has for itself](Place::OF_KERNEL), the oldest
    /// first.
    pub(super) lists: [VecDeque<u32>; Place::OF_KERNEL.len()],
    /// By [`RingKind`](xskit_core::backend::RingKind).
    pub(crate) passed: [Passed; 4],
    /// Slots of the RX ring that were taken and not given back.
    pub(crate) unreleased: u32,
    pub(crate) is_open: bool,
    /// The socket's number: the lowest that the other open one does not have.
    pub(super) number: u32,
    /// Frames that the kernel is to have for receiving.
    pub(super) target: u32,
    pub(crate) wants_kick: bool,
    pub(crate) wants_wake: bool,
    pub(super) wakeups: Wakeups,
    /// Frames of the latest packets on the RX ring, or lost off it, that are still on the fill
    /// ring.
    pub(crate) early: VecDeque<u32>,
    pub(super) sent: u64,
    pub(super) completed: u64,
    pub(super) received: u64,
}

impl Books {
    /// A socket just opened, with no frame lent yet.
    pub(super) fn open(number: u32, target: u32) -> Self {
        Self {
            is_open: true,
            number,
            target,
            // As a kernel in copy mode does: it sends only when kicked.
            wants_kick: true,
            ..Self::default()
        }
    }

    /// How many frames are in one of its places.
    pub(super) fn count(&self, place: Place) -> u32 {
        place
            .of_socket()
            .map_or(0, |number| self.lists[number].len() as u32)
    }

    /// Frames of the kernel's to receive into.
    pub(super) fn lent(&self) -> u32 {
        self.count(Place::FillRing)
            + self.count(Place::KernelReceive)
            + self.count(Place::RxRing)
            + self.count(Place::Lost)
    }

    /// Frames of the kernel's to send.
    pub(super) fn sending(&self) -> u32 {
        self.count(Place::Sent)
            + self.count(Place::TxRing)
            + self.count(Place::KernelSend)
            + self.count(Place::CompletionRing)
    }
}

//! `Turns`: a queue of connections.

use std::collections::VecDeque;

/// A queue of slots, each in it at most once.
#[derive(Debug, Default)]
pub(super) struct Turns {
    order: VecDeque<usize>,
    /// By slot: whether it is in the queue.
    waits: Vec<bool>,
}

impl Turns {
    /// Appends a slot. False if it is in the queue already.
    pub(super) fn add(&mut self, slot: usize) -> bool {
        if self.waits.len() <= slot {
            self.waits.resize(slot + 1, false);
        }
        let is_new = self.set(slot, true);
        if is_new {
            self.order.push_back(slot);
        }
        is_new
    }

    pub(super) fn first(&self) -> Option<usize> {
        self.order.front().copied()
    }

    pub(super) fn pop(&mut self) -> Option<usize> {
        let slot = self.order.pop_front()?;
        self.set(slot, false);
        Some(slot)
    }

    /// Moves the first slot to the end.
    pub(super) fn rotate(&mut self) {
        self.order.extend(self.order.front().copied());
        self.order.pop_front();
    }

    /// Removes a slot, so that its next owner doesn't inherit the place in the queue.
    pub(super) fn remove(&mut self, slot: usize) {
        if self.set(slot, false) {
            self.order.retain(|waiting| *waiting != slot);
        }
    }

    /// Returns whether that was a change.
    fn set(&mut self, slot: usize, waits: bool) -> bool {
        let known = self.waits.get_mut(slot);
        known.is_some_and(|known| std::mem::replace(known, waits) != waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_waits_once_and_in_order() {
        let mut turns = Turns::default();
        assert!(turns.add(7) && turns.add(3) && !turns.add(7) && turns.add(0));
        turns.rotate();
        assert_eq!(turns.first(), Some(3));
        turns.remove(0);
        turns.remove(0);
        turns.remove(99);
        assert_eq!(
            [turns.pop(), turns.pop(), turns.pop()],
            [Some(3), Some(7), None]
        );
        turns.rotate();
        assert!(turns.add(0) && turns.first() == Some(0));
    }
}

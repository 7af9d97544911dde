//! `Turns`: which connections wait for something.

use std::collections::VecDeque;

/// A queue of slots, each in it at most once.
#[derive(Debug, Default)]
pub(super) struct Turns {
    order: VecDeque<usize>,
    /// By slot: whether it is in the queue.
    waits: Vec<bool>,
}

impl Turns {
    /// At the end. False when it waits already.
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

    /// The first one becomes the last.
    pub(super) fn rotate(&mut self) {
        self.order.extend(self.order.front().copied());
        self.order.pop_front();
    }

    /// Takes a slot out, so that whoever has it next does not wait in the place of another.
    pub(super) fn remove(&mut self, slot: usize) {
        if self.set(slot, false) {
            self.order.retain(|waiting| *waiting != slot);
        }
    }

    /// Whether that was a change.
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

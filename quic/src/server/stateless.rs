//! `Stateless`: answers to datagrams that belong to no connection.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::endpoint::Transmit;

/// Answers waiting at once. More are not worth keeping: a sender who floods us is not listening.
const MAX_WAITING: usize = 64;

/// Answers, which are sent before anything else.
#[derive(Debug)]
pub(super) struct Stateless<L> {
    waiting: VecDeque<Answer<L>>,
}

#[derive(Debug)]
struct Answer<L> {
    bytes: Vec<u8>,
    from: SocketAddr,
    to: SocketAddr,
    link: L,
}

impl<L: Copy> Stateless<L> {
    pub(super) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_WAITING
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn push(&mut self, bytes: Vec<u8>, from: SocketAddr, to: SocketAddr, link: L) {
        if !self.is_full() {
            self.waiting.push_back(Answer {
                bytes,
                from,
                to,
                link,
            });
        }
    }

    /// Writes the next answer that fits into `out`; those before it are dropped.
    pub(super) fn pop(&mut self, out: &mut [u8]) -> Option<Transmit<L>> {
        while let Some(answer) = self.waiting.pop_front() {
            let Some(target) = out.get_mut(..answer.bytes.len()) else {
                continue;
            };
            target.copy_from_slice(&answer.bytes);
            return Some(Transmit {
                len: answer.bytes.len(),
                from: answer.from,
                to: answer.to,
                link: answer.link,
            });
        }
        None
    }
}

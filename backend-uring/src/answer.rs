//! The results of set-up entries, which are waited for one at a time.
#![allow(unsafe_code)]

use std::os::fd::{FromRawFd, OwnedFd};

use crate::tag::{Purpose, Tag};

/// What a set-up entry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A new socket.
    Socket,
    /// An operation on the socket of this number.
    Of(u32),
}

/// The answer that is waited for. A late answer, to a call that has failed since, is not mistaken
/// for it.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Number of the last set-up entry, from 1; 24 bits.
    turn: u32,
    is_expected: bool,
    answer: Option<i32>,
}

impl Answers {
    /// Begins to wait for another answer. Returns the tag of the entry.
    pub(crate) fn expect(&mut self, asked: Asked) -> Tag {
        self.turn = self.turn % Tag::LAST_TURN + 1;
        self.is_expected = true;
        self.answer = None;
        match asked {
            Asked::Socket => Tag::open(self.turn),
            Asked::Of(socket) => Tag::setup(socket, self.turn),
        }
    }

    /// Stops waiting.
    pub(crate) fn give_up(&mut self) {
        self.is_expected = false;
    }

    /// Records the completion of a set-up entry. Returns whether it came in time.
    pub(crate) fn complete(&mut self, tag: Tag, result: i32) -> bool {
        let is_in_time = self.is_expected && tag.turn == self.turn;
        if is_in_time {
            self.answer = Some(result);
        } else if tag.purpose == Purpose::Open && result >= 0 {
            // SAFETY: the kernel made this descriptor for an entry of ours, whose only completion
            // this is; the call that asked for it failed, and nobody else has it.
            drop(unsafe { OwnedFd::from_raw_fd(result) });
        }
        is_in_time
    }

    pub(crate) fn take(&mut self) -> Option<i32> {
        self.answer.take()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::IntoRawFd;
    use std::os::unix::net::UnixStream;

    use super::{Answers, Asked};

    #[test]
    fn a_late_answer_is_nobodys() {
        let mut answers = Answers::default();
        let late = answers.expect(Asked::Of(0));
        let socket = answers.expect(Asked::Socket);
        assert!(!answers.complete(late, 0));
        assert_eq!(answers.take(), None, "not for the one that asked later");
        assert!(answers.complete(socket, 5));
        assert_eq!(answers.take(), Some(5));
    }

    #[test]
    fn a_socket_that_comes_late_is_closed() {
        let (socket, mut peer) = UnixStream::pair().expect("two sockets");
        let mut answers = Answers::default();
        let late = answers.expect(Asked::Socket);
        answers.give_up();
        assert!(!answers.complete(late, socket.into_raw_fd()));
        assert_eq!(peer.read(&mut [0]).expect("the other end"), 0);
    }
}

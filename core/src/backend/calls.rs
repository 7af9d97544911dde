//! What a backend did: its system calls and submissions, by kind.

use core::ops::AddAssign;

use crate::errno::Errno;

/// A backend's system calls by kind, and the transient errors of its kicks.
///
/// ```
/// use xskit_core::Backend;
/// # use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
/// # use xskit_core::umem::{FrameSize, FrameSlot, Umem};
/// # use xskit_core::{Socket, SocketConfig};
/// # let network = SimNetwork::new(WireConfig::perfect(), 1);
/// # let mut slots = vec![FrameSlot::new(); 64];
/// # let umem = Umem::new(HeapMemory::new(64 * 4096), &mut slots, FrameSize::DEFAULT)?;
/// # let backend = network.backend();
/// # let mut socket = Socket::open(&backend, &umem, &SocketConfig::new(1, 0))?;
/// let before = backend.calls();
/// let mut frame = socket.alloc().expect("a free frame");
/// frame.set_range(0..60)?;
/// socket.send(frame).map_err(|refused| refused.kind)?;
/// socket.flush()?;
/// assert_eq!(backend.calls().kicks - before.kicks, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Calls {
    /// Calls that open, size, map, bind, query or close.
    pub setup: u64,
    /// Calls that asked the kernel to send.
    pub kicks: u64,
    /// Calls that asked the kernel to look at the fill ring, or to poll the device.
    pub wakes: u64,
    /// Calls that waited.
    pub waits: u64,
    /// `io_uring_enter(2)` calls that handed submissions over, without waiting: kicks and wakes for
    /// any number of sockets.
    pub enters: u64,
    /// Requests made through an io_uring, which are not system calls themselves.
    pub submissions: Submissions,
    /// Kicks that left packets to send (EAGAIN): one call takes no more, or the completion ring,
    /// the device's queue or the send buffer is full. The next kick continues.
    pub again: u64,
    /// Kicks that found the device busy (EBUSY).
    pub busy: u64,
    /// Kicks that found no buffer (ENOBUFS).
    pub no_buffers: u64,
    /// Kicks that found the interface down (ENETDOWN).
    pub net_down: u64,
}

impl Calls {
    /// System calls made for packets: kicks, wakes, waits, and submissions of them.
    #[must_use]
    pub const fn data_path(&self) -> u64 {
        self.kicks + self.wakes + self.waits + self.enters
    }

    /// The system calls by purpose. All but the first are the [data path](Self::data_path)'s.
    #[must_use]
    pub const fn by_kind(&self) -> [(&'static str, u64); 5] {
        [
            ("set-up", self.setup),
            ("kick", self.kicks),
            ("wake", self.wakes),
            ("wait", self.waits),
            ("enter", self.enters),
        ]
    }

    /// Counts the transient error of a kick.
    pub const fn count_transient(&mut self, errno: Errno) {
        match errno {
            Errno::EAGAIN => self.again += 1,
            Errno::EBUSY => self.busy += 1,
            Errno::ENOBUFS => self.no_buffers += 1,
            Errno::ENETDOWN => self.net_down += 1,
            _ => {}
        }
    }
}

impl AddAssign for Calls {
    /// Adds those of another socket.
    fn add_assign(&mut self, other: Self) {
        self.setup += other.setup;
        self.kicks += other.kicks;
        self.wakes += other.wakes;
        self.waits += other.waits;
        self.enters += other.enters;
        self.submissions += other.submissions;
        self.again += other.again;
        self.busy += other.busy;
        self.no_buffers += other.no_buffers;
        self.net_down += other.net_down;
    }
}

/// Entries put on the submission queue of an io_uring, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Submissions {
    /// Of the set-up: socket, options, bind.
    pub setup: u64,
    /// Asked the kernel to send.
    pub kicks: u64,
    /// Asked the kernel to look at the fill ring, or to poll the device.
    pub wakes: u64,
    /// Armed a poll.
    pub polls: u64,
    /// Cancelled a poll.
    pub cancels: u64,
}

impl Submissions {
    /// The entries by purpose. All but the first are for packets.
    #[must_use]
    pub const fn by_kind(&self) -> [(&'static str, u64); 5] {
        [
            ("set-up", self.setup),
            ("kick", self.kicks),
            ("wake", self.wakes),
            ("poll", self.polls),
            ("cancel", self.cancels),
        ]
    }
}

impl AddAssign for Submissions {
    fn add_assign(&mut self, other: Self) {
        self.setup += other.setup;
        self.kicks += other.kicks;
        self.wakes += other.wakes;
        self.polls += other.polls;
        self.cancels += other.cancels;
    }
}

#[cfg(test)]
mod tests {
    use super::{Calls, Submissions};

    #[test]
    fn calls_by_kind_are_all_calls_and_nothing_else() {
        let calls = Calls {
            setup: 1,
            kicks: 10,
            wakes: 100,
            waits: 1_000,
            enters: 10_000,
            submissions: Submissions {
                setup: 1,
                kicks: 10,
                wakes: 100,
                polls: 1_000,
                cancels: 10_000,
            },
            again: 3,
            ..Calls::default()
        };
        let sum = |counts: &[(&str, u64)]| counts.iter().map(|(_, count)| count).sum::<u64>();
        assert_eq!(sum(&calls.by_kind()), 11_111);
        assert_eq!(sum(&calls.by_kind()[1..]), calls.data_path());
        assert_eq!(sum(&calls.submissions.by_kind()), 11_111);
    }
}

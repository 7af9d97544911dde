//! Compares with the oracle everything visible without changing the socket.
//!
//! Whatever reads a shared word again (`accounting`, `room`, `waiting`) is a step instead: a read
//! after every step would hide a stale cached word.

use xskit_core::abi::Desc;
use xskit_core::backend::{Interest, RingKind};
use xskit_core::umem::Frame;

use super::World;
use crate::config::FRAME_BYTES;
use crate::difference::{Agreed, agree};
use crate::op::RINGS;
use crate::oracle::{Passed, Place};

impl World<'_> {
    /// Compares everything.
    ///
    /// # Errors
    /// What differs.
    pub fn compare(&mut self) -> Agreed {
        self.compare_memory()?;
        self.compare_socket()?;
        self.switch();
        let other = self.compare_socket();
        self.switch();
        other?;
        self.bare.compare()
    }

    /// Compares the owners of all frames, the tokens, and the bytes.
    pub(crate) fn compare_memory(&self) -> Agreed {
        agree("census", self.umem.census(), self.oracle.census())?;
        let free = self.oracle.count(Place::Stash);
        agree("free frames", self.umem.free(), free)?;
        self.compare_held()?;
        self.compare_contents()
    }

    /// What there is for each socket.
    fn compare_socket(&mut self) -> Agreed {
        self.compare_halves()?;
        self.compare_rings()
    }

    /// Compares the tokens: their frames, their addresses and their bytes.
    pub(crate) fn compare_held(&self) -> Agreed {
        let should_be = self.oracle.at(Place::Application);
        agree("frames held", self.held.len(), should_be.len())?;
        for (frame, &index) in self.held.iter().zip(should_be) {
            agree("index of a held frame", frame.index(), index)?;
            self.compare_token(frame)?;
        }
        Ok(())
    }

    fn compare_token(&self, frame: &Frame<'_>) -> Agreed {
        let packet = self.oracle.packet(frame.index());
        let range = packet.start as usize..(packet.start + packet.len) as usize;
        agree("range of a held frame", frame.range(), range.clone())?;
        agree("capacity", frame.capacity(), FRAME_BYTES as usize)?;
        let at = frame.index() as usize * FRAME_BYTES as usize + range.start;
        let address = self.umem.memory().address() + at;
        agree("address of a packet", frame.as_ptr().addr(), address)?;
        let mut bytes = [0; FRAME_BYTES as usize];
        packet.stamp.fill(&mut bytes);
        agree("packet in a held frame", &frame[..], &bytes[range])
    }

    /// Compares the bytes of every frame, whoever owns it: no one else may have written there.
    fn compare_contents(&self) -> Agreed {
        let (mut is, mut should_be) = ([0; FRAME_BYTES as usize], [0; FRAME_BYTES as usize]);
        for frame in 0..self.config.frames {
            self.umem.memory().read(frame, &mut is);
            self.oracle.packet(frame).stamp.fill(&mut should_be);
            if is != should_be {
                let position = is.iter().zip(&should_be).position(|(a, b)| a != b);
                return agree(
                    "first wrong byte of a frame",
                    (frame, position),
                    (frame, None),
                );
            }
        }
        Ok(())
    }

    /// Compares what both halves report.
    fn compare_halves(&mut self) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return agree("a socket is open", false, self.oracle.socket.is_open);
        };
        let ready = [Interest::RECEIVE, ROOM].map(|interest| socket.wait(interest, None));
        let should_be = [self.oracle.has_received(), self.oracle.is_half_empty()];
        agree("what is not waited for", ready, should_be.map(Ok))?;
        let (receiver, transmitter) = socket.halves();
        let (sent, completed, received) = self.oracle.counts();
        let counts = (transmitter.sent(), transmitter.completed());
        agree("packets sent and completed", counts, (sent, completed))?;
        agree("packets received", receiver.received(), received)?;
        agree(
            "packets in flight",
            transmitter.in_flight(),
            sent - completed,
        )?;
        let bad = (receiver.bad_descriptors(), transmitter.bad_completions());
        agree("bad descriptors and completions", bad, (0, 0))?;
        let wakeups = (transmitter.needs_wakeup(), receiver.needs_wakeup());
        let should_be = (self.oracle.socket.wants_kick, self.oracle.socket.wants_wake);
        agree("NEED_WAKEUP of TX and fill", wakeups, should_be)
    }

    /// Compares the rings as the kernel sees them: both words, and every entry between them.
    fn compare_rings(&self) -> Agreed {
        if !self.oracle.socket.is_open {
            return Ok(());
        }
        for (kind, what) in RINGS.into_iter().zip(RING_ENTRIES) {
            let kernel = self.kernel.side();
            let Some(ring) = kernel.ring(kind) else {
                return agree("a ring is mapped", false, true);
            };
            let start = self.config.start_of(kind);
            let words = Passed {
                produced: ring.producer().wrapping_sub(start),
                consumed: ring.consumer().wrapping_sub(start),
            };
            agree(
                "words of a ring",
                words,
                self.oracle.socket.passed[kind as usize],
            )?;
            let listed = self.oracle.at(place_of(kind));
            // Ahead of those: RX slots taken and not released, and fill entries whose packets were
            // shown early.
            let (left, early) = match kind {
                RingKind::Rx => (self.oracle.socket.unreleased, None),
                RingKind::Fill => (0, Some(&self.oracle.socket.early)),
                _ => (0, None),
            };
            let should_be = early.into_iter().flatten().chain(listed);
            let count = left + should_be.clone().count() as u32;
            agree("entries of a ring", ring.filled(), count)?;
            let mut cursor = ring.consumer().wrapping_add(left);
            for &frame in should_be {
                agree(what, ring.entry(cursor), self.entry_of(kind, frame))?;
                cursor = cursor.wrapping_add(1);
            }
        }
        Ok(())
    }

    /// The expected entry of a ring for a frame.
    pub(crate) fn entry_of(&self, kind: RingKind, frame: u32) -> Desc {
        let packet = self.oracle.packet(frame);
        let addr = u64::from(frame) * u64::from(FRAME_BYTES);
        let (start, len) = match kind {
            RingKind::Fill => (0, 0),
            RingKind::Completion => (packet.start, 0),
            RingKind::Rx | RingKind::Tx => (packet.start, packet.len),
        };
        Desc {
            addr: addr + u64::from(start),
            len,
            options: 0,
        }
    }
}

/// Wait for room on the TX ring.
const ROOM: Interest = Interest {
    receive: false,
    transmit: true,
};

/// As [`RINGS`].
const RING_ENTRIES: [&str; 4] = [
    "entry of the fill ring",
    "entry of the completion ring",
    "entry of the RX ring",
    "entry of the TX ring",
];

fn place_of(kind: RingKind) -> Place {
    match kind {
        RingKind::Fill => Place::FillRing,
        RingKind::Completion => Place::CompletionRing,
        RingKind::Rx => Place::RxRing,
        RingKind::Tx => Place::TxRing,
    }
}

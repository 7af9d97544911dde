//! What the search needs to know of the rings to tell states apart.

use xskit_core::ring::Cursor;
use xskit_core::socket::SocketCursors;

use super::World;
use crate::op::RINGS;

/// The words of a ring as the kernel sees them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RingWords {
    pub(crate) producer: u32,
    pub(crate) consumer: u32,
    pub(crate) slots: u32,
}

impl World<'_> {
    /// The words of the socket's rings, by kind; none without a socket.
    pub(crate) fn ring_words(&self) -> Option<[RingWords; 4]> {
        self.socket.as_ref()?;
        let kernel = self.kernel.side();
        let words = RINGS.map(|kind| {
            kernel.ring(kind).map(|ring| RingWords {
                producer: ring.producer(),
                consumer: ring.consumer(),
                slots: self.config.slots_of(kind),
            })
        });
        match words {
            [Some(fill), Some(completion), Some(rx), Some(tx)] => Some([fill, completion, rx, tx]),
            _ => None,
        }
    }

    /// The words of the bare ring, and how many values are pushed but not committed, and popped but
    /// not released.
    pub(crate) fn bare_words(&self) -> (RingWords, u32, u32) {
        self.bare.words()
    }

    /// The core's own cursors of the socket; none without a socket.
    pub(crate) fn socket_cursors(&self) -> Option<SocketCursors> {
        self.socket.as_ref().map(|socket| socket.cursors())
    }

    /// The core's own cursors of both ends of the bare ring.
    pub(crate) fn bare_cursors(&self) -> Vec<Cursor> {
        self.bare.cursors()
    }
}

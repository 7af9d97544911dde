//! The kernel's steps: words and slots, nothing else. It never writes to the UMEM.

use xskit_core::abi::Desc;
use xskit_core::backend::RingKind;

use super::mirror::Owner;
use super::step::{Entry, Word};
use super::{Broken, Siege, holds};

impl Siege<'_> {
    pub(super) fn write_word(&mut self, kind: RingKind, of_producer: bool, value: Word) {
        self.mirror.rings.is_stalled &= kind != RingKind::Tx;
        let kernel = self.kernel.side();
        let Some(ring) = kernel.ring(kind) else {
            return;
        };
        let other = if of_producer {
            ring.consumer()
        } else {
            ring.producer()
        };
        let word = match value {
            Word::Any(word) => word,
            Word::FromProgram(ahead) => {
                self.mirror.rings.stand[kind as usize].wrapping_add_signed(ahead.into())
            }
            Word::FromOther(ahead) => other.wrapping_add_signed(ahead.into()),
        };
        match of_producer {
            true => ring.set_producer(word),
            false => ring.set_consumer(word),
        }
        drop(kernel);
        self.note_taken();
    }

    /// Notes the fill ring's consumer word.
    pub(super) fn note_taken(&mut self) {
        if let Some(fill) = self.kernel.side().ring(RingKind::Fill) {
            self.mirror.note_taken(fill.consumer(), fill.slots());
        }
    }

    pub(super) fn write_flags(&mut self, kind: RingKind, value: u32) {
        if let Some(ring) = self.kernel.side().ring(kind) {
            ring.set_flags(value);
        }
    }

    pub(super) fn write_slot(&mut self, kind: RingKind, ahead: u8, entry: Entry) {
        let at = self.mirror.rings.stand[kind as usize].wrapping_add(ahead.into());
        if let Some(ring) = self.kernel.side().ring(kind) {
            ring.set_entry(at, self.mirror.resolve(entry));
        }
    }

    pub(super) fn show(&mut self, is_completion: bool, entry: Entry) {
        let kind = if is_completion {
            RingKind::Completion
        } else {
            RingKind::Rx
        };
        let entry = self.mirror.resolve(entry);
        let kernel = self.kernel.side();
        let Some(ring) = kernel.ring(kind) else {
            return;
        };
        let stand = self.mirror.rings.stand[kind as usize];
        // After a wild word it goes on from the program's position.
        let at = match ring.producer() {
            at if at.wrapping_sub(stand) < ring.slots() => at,
            _ => stand,
        };
        ring.set_entry(at, entry);
        ring.set_producer(at.wrapping_add(1));
        if kind == RingKind::Rx {
            self.mirror.rings.note_shown(entry.addr);
        }
    }

    pub(super) fn claim_taken(&mut self, is_transmit: bool, count: u8) {
        self.mirror.rings.is_stalled &= !is_transmit;
        let kind = if is_transmit {
            RingKind::Tx
        } else {
            RingKind::Fill
        };
        if let Some(ring) = self.kernel.side().ring(kind) {
            ring.set_consumer(ring.consumer().wrapping_add(count.into()));
        }
        self.note_taken();
    }

    /// The kernel gives everything back by the socket that had it: whatever it did before, all
    /// frames must come home.
    pub(super) fn repent(&mut self) -> Broken {
        self.flush(crate::op::Answer::Later, true)?;
        for kind in [RingKind::Fill, RingKind::Tx] {
            if let Some(ring) = self.kernel.side().ring(kind) {
                ring.set_producer(self.mirror.rings.stand[kind as usize]);
                ring.set_consumer(self.mirror.rings.stand[kind as usize]);
            }
        }
        self.note_taken();
        let rounds = self.mirror.of(Owner::Receive).len() + self.mirror.of(Owner::Transmit).len();
        for _ in 0..rounds {
            self.fill_ring(RingKind::Rx, Owner::Receive);
            self.receive(u8::MAX, u8::MAX, false)?;
            self.fill_ring(RingKind::Completion, Owner::Transmit);
            self.reap()?;
        }
        let left = (
            self.mirror.of(Owner::Receive),
            self.mirror.of(Owner::Transmit),
        );
        holds(
            self.socket.is_none() || left == (vec![], vec![]),
            "every frame comes home",
            left,
        )
    }

    /// Fills all of a ring: first with the frames that it can bring back, then with invalid
    /// entries.
    fn fill_ring(&self, kind: RingKind, owner: Owner) {
        let kernel = self.kernel.side();
        let Some(ring) = kernel.ring(kind) else {
            return;
        };
        let frames = self.mirror.of(owner).into_iter();
        let good = frames.map(|frame| Desc {
            addr: u64::from(frame) * u64::from(crate::config::FRAME_BYTES),
            len: 1,
            options: 0,
        });
        let nonsense = std::iter::repeat(Desc {
            addr: u64::MAX,
            len: u32::MAX,
            options: u32::MAX,
        });
        let stand = self.mirror.rings.stand[kind as usize];
        for (ahead, desc) in (0..ring.slots()).zip(good.chain(nonsense)) {
            ring.set_entry(stand.wrapping_add(ahead), desc);
        }
        ring.set_producer(stand.wrapping_add(ring.slots()));
    }
}

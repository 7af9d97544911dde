//! The kernel's steps: words and slots, nothing else. It writes to no frame of an open socket.

use xskit_core::abi::Desc;
use xskit_core::backend::RingKind;

use super::Siege;
use super::step::{Address, Entry, Word};
use crate::config::FRAME_BYTES;
use crate::difference::{Agreed, holds};
use crate::op::Answer;
use crate::oracle::Place;

const FRAME: u64 = FRAME_BYTES as u64;

impl Siege<'_, '_> {
    pub(super) fn write_word(&mut self, kind: RingKind, of_producer: bool, value: Word) {
        self.rings.is_stalled &= kind != RingKind::Tx;
        let Some(ring) = self.ring(kind) else {
            return;
        };
        let (own, other) = match of_producer {
            true => (ring.producer(), ring.consumer()),
            false => (ring.consumer(), ring.producer()),
        };
        let word = match value {
            Word::Any(word) => word,
            Word::FromProgram(ahead) => {
                self.rings.stand[kind as usize].wrapping_add_signed(ahead.into())
            }
            Word::FromOther(ahead) => other.wrapping_add_signed(ahead.into()),
            Word::FromItself(ahead) => own.wrapping_add_signed(ahead.into()),
        };
        match of_producer {
            true => ring.set_producer(word),
            false => ring.set_consumer(word),
        }
        self.note_taken();
    }

    pub(super) fn write_flags(&mut self, kind: RingKind, value: u32) {
        if let Some(ring) = self.ring(kind) {
            ring.set_flags(value);
        }
    }

    pub(super) fn write_slot(&mut self, kind: RingKind, ahead: u8, entry: Entry) {
        let at = self.rings.stand[kind as usize].wrapping_add(ahead.into());
        if let Some(ring) = self.ring(kind) {
            ring.set_entry(at, self.resolve(entry));
        }
    }

    pub(super) fn show(&mut self, is_completion: bool, entry: Entry) {
        let kind = if is_completion {
            RingKind::Completion
        } else {
            RingKind::Rx
        };
        let Some(ring) = self.ring(kind) else {
            return;
        };
        let entry = self.resolve(entry);
        let stand = self.rings.stand[kind as usize];
        // After a wild word it goes on from the program's position.
        let at = match ring.producer() {
            at if at.wrapping_sub(stand) < ring.slots() => at,
            _ => stand,
        };
        ring.set_entry(at, entry);
        ring.set_producer(at.wrapping_add(1));
        if kind == RingKind::Rx {
            self.rings.note_shown(entry.addr);
        }
    }

    /// The descriptor that a hostile kernel writes.
    fn resolve(&self, entry: Entry) -> Desc {
        let oracle = &self.world.oracle;
        let [lent, sent] = [Place::KernelReceive, Place::KernelSend];
        let among = |frames: Vec<u32>, number: u8| match frames.len() {
            0 => u64::from(number),
            count => u64::from(frames[usize::from(number) % count]),
        };
        let of = |place| oracle.at(place).iter().copied();
        let taken = |is_taken: bool| {
            let frames = of(lent).filter(move |frame| self.was_taken(*frame) == is_taken);
            frames.collect()
        };
        let (frame, offset) = match entry.addr {
            Address::Any(addr) => (0, addr),
            Address::Again(back) => (0, self.rings.shown_before(back)),
            Address::InFrame(frame, offset) => (
                u64::from(frame) % (u64::from(self.world.config.frames) + 1),
                offset.into(),
            ),
            Address::InLent(number, offset) => (among(of(lent).collect(), number), offset.into()),
            Address::InTaken(number, offset) => (among(taken(true), number), offset.into()),
            Address::OnFillRing(number, offset) => (among(taken(false), number), offset.into()),
            Address::BeyondNumbers(more, number, offset) => {
                let frame = among(of(lent).chain(of(sent)).collect(), number);
                (frame | (u64::from(more) + 1) << u32::BITS, offset.into())
            }
            Address::InSent(number, offset) => (among(of(sent).collect(), number), offset.into()),
            Address::Elsewhere(number, offset) => {
                let frames = [lent, sent].map(|place| oracle.at_other(place));
                let frames = frames.into_iter().flatten().copied().collect();
                (among(frames, number), offset.into())
            }
        };
        Desc {
            addr: frame * FRAME + offset,
            len: entry.len,
            options: entry.options,
        }
    }

    /// The kernel gives everything back by the socket that had it: whatever it did before, all
    /// frames must come home.
    pub(super) fn repent(&mut self) -> Agreed {
        self.flush(Answer::Later, true)?;
        for kind in [RingKind::Fill, RingKind::Tx] {
            if let Some(ring) = self.ring(kind) {
                ring.set_producer(self.rings.stand[kind as usize]);
                ring.set_consumer(self.rings.stand[kind as usize]);
            }
        }
        self.note_taken();
        for _ in 0..self.with_kernel() {
            self.fill_ring(RingKind::Rx, Place::KernelReceive);
            self.receive(u8::MAX, u8::MAX, false)?;
            self.fill_ring(RingKind::Completion, Place::KernelSend);
            self.reap()?;
        }
        let left = self.with_kernel();
        let is_home = self.world.socket.is_none() || left == 0;
        holds(is_home, "every frame comes home", left)
    }

    /// Frames that the kernel has by the socket.
    fn with_kernel(&self) -> u32 {
        let places = [Place::KernelReceive, Place::KernelSend];
        places
            .map(|place| self.world.oracle.count(place))
            .iter()
            .sum()
    }

    /// Fills all of a ring: first with the frames that it can bring back, then with invalid
    /// entries.
    fn fill_ring(&self, kind: RingKind, place: Place) {
        let Some(ring) = self.ring(kind) else {
            return;
        };
        let frames = self.world.oracle.at(place).iter();
        let good = frames.map(|frame| Desc {
            addr: u64::from(*frame) * FRAME,
            len: 1,
            options: 0,
        });
        let nonsense = std::iter::repeat(Desc {
            addr: u64::MAX,
            len: u32::MAX,
            options: u32::MAX,
        });
        let stand = self.rings.stand[kind as usize];
        for (ahead, desc) in (0..ring.slots()).zip(good.chain(nonsense)) {
            ring.set_entry(stand.wrapping_add(ahead), desc);
        }
        ring.set_producer(stand.wrapping_add(ring.slots()));
    }
}

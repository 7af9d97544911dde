//! The real socket against a kernel that writes arbitrary values into the shared memory.
//!
//! Words, flags and slots take any value at any step. Whatever they are: nothing panics; a frame
//! has one owner; every token's bytes lie inside its frame and stay as the program wrote them;
//! exactly the valid descriptors become frames, and all others are counted. A descriptor for a
//! frame that is still on the fill ring is invalid, and waits until that is certain. A descriptor
//! for a frame that the kernel has by the other of two sockets over the UMEM is invalid too.
//!
//! The oracle knows the owner of each frame by the program's own steps alone. What the kernel has
//! by a socket is in [`Place::KernelReceive`] or in [`Place::KernelSend`], also while its address
//! is on a ring: the kernel's words don't count.

mod kernel;
mod program;
mod receive;
mod rings;
pub mod step;

use std::mem;

use arbitrary::{Arbitrary, Unstructured};
use xskit_core::abi::Desc;
use xskit_core::backend::RingKind;

use crate::config::{Config, FRAME_BYTES};
use crate::difference::{Agreed, Difference, holds};
use crate::kernel::Ring;
use crate::op::Op;
use crate::oracle::Place;
use crate::run::MAX_STEPS;
use crate::world::World;
use rings::{Loan, Rings};
use step::Step;

/// What a run saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Invalid descriptors and completions.
    pub bad: u64,
    /// Those of them for frames that the kernel had by the other socket.
    pub elsewhere: u64,
    /// Packets received before the kernel gave everything back.
    pub received: u64,
    /// Frames taken back after being sent, likewise.
    pub completed: u64,
}

/// The real sockets, and what the program knows for certain.
struct Siege<'w, 'u> {
    world: &'w mut World<'u>,
    /// Of the socket that steps are about.
    rings: Rings,
    other: Rings,
    /// The last loan of each frame.
    loans: Vec<Loan>,
    seen: Seen,
}

/// Makes a world, and steps of a program and a hostile kernel, of a fuzzer's bytes, and runs them.
///
/// # Panics
/// If a rule is broken, with the steps that led there.
pub fn hostile_kernel(bytes: &[u8]) -> Seen {
    let mut bytes = Unstructured::new(bytes);
    let (Ok(config), Ok(consumers)) = (Config::arbitrary(&mut bytes), apart(&mut bytes)) else {
        return Seen::default();
    };
    let mut steps = Vec::new();
    while !bytes.is_empty() && steps.len() < MAX_STEPS {
        match Step::arbitrary(&mut bytes) {
            Ok(step) => steps.push(step),
            Err(_) => break,
        }
    }
    World::with(&config, |world| {
        for ((_, consumer), ahead) in world.kernel.state().starts.iter_mut().zip(consumers) {
            *consumer = consumer.wrapping_add_signed(ahead.into());
        }
        let mut siege = Siege {
            world,
            rings: Rings::default(),
            other: Rings::default(),
            loans: vec![Loan::default(); config.frames as usize],
            seen: Seen::default(),
        };
        let mut taken = 0;
        match siege.run(&steps, &mut taken) {
            Ok(seen) => seen,
            Err(difference) => panic!(
                "{difference}\nin a world of {config:?}\nafter these steps: {:#?}",
                &steps[..taken]
            ),
        }
    })
}

/// The distance between the words of each ring when it is mapped; mostly 0.
fn apart(bytes: &mut Unstructured<'_>) -> arbitrary::Result<[i8; 4]> {
    match bytes.int_in_range(0..=3u8)? {
        0 => bytes.arbitrary(),
        _ => Ok([0; 4]),
    }
}

impl Siege<'_, '_> {
    /// Takes the steps, and checks after each; then brings all frames home, by each socket.
    fn run(&mut self, steps: &[Step], taken: &mut usize) -> Result<Seen, Difference> {
        self.open()?;
        if self.world.config.has_two {
            self.switch();
            self.open()?;
            self.switch();
        }
        for step in steps {
            *taken += 1;
            self.apply(*step)?;
            self.check()?;
        }
        let seen = self.seen();
        self.repent()?;
        self.switch();
        self.repent()?;
        self.check()?;
        Ok(seen)
    }

    /// From now on steps are about the other socket.
    fn switch(&mut self) {
        self.world.switch();
        mem::swap(&mut self.rings, &mut self.other);
    }

    fn apply(&mut self, step: Step) -> Agreed {
        match step {
            Step::Program(op) => return self.program(op),
            Step::Word {
                ring,
                of_producer,
                value,
            } => self.write_word(ring, of_producer, value),
            Step::Flags { ring, value } => self.write_flags(ring, value),
            Step::Slot { ring, ahead, entry } => self.write_slot(ring, ahead, entry),
            Step::Show {
                is_completion,
                entry,
            } => self.show(is_completion, entry),
        }
        Ok(())
    }

    fn program(&mut self, op: Op) -> Agreed {
        match op {
            // Cut off, so that most frames can be sent.
            Op::Alloc { len } => self.world.step(Op::Alloc {
                len: len.min(FRAME_BYTES as u16),
            }),
            Op::Write { .. } | Op::Drop { .. } | Op::Close => self.world.step(op),
            Op::Send { held } => self.send(held),
            Op::Burst { count } => self.burst(count),
            Op::Receive { max, take, keep } => self.receive(max, take, keep),
            Op::Refill => self.refill(),
            Op::Reap => self.reap(),
            Op::Recycle => self.recycle(),
            Op::Room { wanted } => self.look(wanted),
            Op::Waiting => self.look(0),
            Op::Flush(answer) => self.flush(answer, true),
            Op::Request(answer) => self.flush(answer, false),
            Op::Wait {
                is_silent,
                is_woken,
                answer,
            } => self.wait(is_silent, is_woken, answer),
            Op::Accounting => self.accounting(),
            Op::Open { .. } => self.open(),
            Op::Switch => {
                self.switch();
                Ok(())
            }
            Op::KernelTakes { .. }
            | Op::KernelCompletes { .. }
            | Op::KernelTakesFill { .. }
            | Op::KernelDelivers { .. }
            | Op::KernelDeliversEarly { .. }
            | Op::KernelSettles
            | Op::KernelWantsKick(_)
            | Op::KernelWantsWake(_)
            | Op::Forget { .. }
            | Op::Ring(_) => Ok(()),
        }
    }

    /// Everything that must hold, whatever the kernel wrote.
    fn check(&mut self) -> Agreed {
        self.world.compare_memory()?;
        self.check_counts()?;
        self.switch();
        let other = self.check_counts();
        self.switch();
        other
    }

    /// Bad descriptors are counted when they come, and at no other time.
    fn check_counts(&mut self) -> Agreed {
        let Some(socket) = self.world.socket.as_mut() else {
            return Ok(());
        };
        let (receiver, transmitter) = socket.halves();
        let bad = (receiver.bad_descriptors(), transmitter.bad_completions());
        let should_be = (self.rings.bad_descriptors, self.rings.bad_completions);
        holds(bad == should_be, "bad descriptors are counted once", bad)?;
        let in_flight = transmitter.in_flight();
        let is_right = in_flight == u64::from(self.world.oracle.count(Place::KernelSend));
        holds(is_right, "what is in flight is the kernel's", in_flight)
    }

    /// What the open sockets have seen so far.
    fn seen(&mut self) -> Seen {
        let mut seen = self.seen;
        for rings in [&self.rings, &self.other] {
            seen.bad += rings.bad_descriptors + rings.bad_completions;
        }
        let sockets = [&mut self.world.socket, &mut self.world.other];
        for socket in sockets.into_iter().flatten() {
            seen.completed += socket.halves().1.completed();
        }
        seen
    }

    /// A ring of the open socket.
    fn ring(&self, kind: RingKind) -> Option<Ring> {
        self.world.kernel.side().ring(kind).cloned()
    }

    /// A slot of the open socket.
    fn entry(&self, kind: RingKind, cursor: u32) -> Desc {
        self.ring(kind)
            .map_or_else(Desc::default, |ring| ring.entry(cursor))
    }

    /// Checks that the program passed at most all slots of a ring, and published any progress.
    /// Returns its position before.
    fn passes(&mut self, kind: RingKind, count: u32) -> Result<u32, Difference> {
        let stand = self.rings.step_on(kind, count);
        let Some(ring) = self.ring(kind) else {
            return Ok(stand);
        };
        let is_possible = count <= ring.slots();
        holds(is_possible, "no more at once than a ring has slots", count)?;
        let word = match kind {
            RingKind::Fill | RingKind::Tx => ring.producer(),
            RingKind::Rx | RingKind::Completion => ring.consumer(),
        };
        let should_be = stand.wrapping_add(count);
        let is_published = count == 0 || word == should_be;
        holds(is_published, "progress is published", (word, should_be))?;
        Ok(stand)
    }

    /// The frame of an address, if it is in this place by the current socket.
    fn frame_at(&self, addr: u64, place: Place) -> Option<u32> {
        let frame = u32::try_from(addr / u64::from(FRAME_BYTES)).ok()?;
        let frames = self.world.oracle.at(place);
        frames.contains(&frame).then_some(frame)
    }

    /// Whether an address is in a frame that is in this place by the other socket.
    fn is_elsewhere(&self, addr: u64, place: Place) -> bool {
        let frame = u32::try_from(addr / u64::from(FRAME_BYTES));
        let frames = self.world.oracle.at_other(place);
        frame.is_ok_and(|frame| frames.contains(&frame))
    }
}

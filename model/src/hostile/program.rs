//! The program's steps, and what must hold after each, whatever the kernel wrote.

use std::mem;

use xskit_core::Errno;
use xskit_core::backend::{Interest, Kick, RingKind, Sleep};
use xskit_core::socket::{Accounting, SendError, SendErrorKind};

use super::{Loan, Siege};
use crate::difference::{Agreed, agree, holds};
use crate::op::{Answer, Op};
use crate::oracle::Place;

impl<'u> Siege<'_, 'u> {
    pub(super) fn send(&mut self, number: u8) -> Agreed {
        let world = &mut *self.world;
        let (Some(held), Some(socket)) = (world.oracle.held(number), world.socket.as_mut()) else {
            return Ok(());
        };
        let sent = socket.send(world.held.remove(held));
        self.sent(held, sent)
    }

    pub(super) fn burst(&mut self, count: u8) -> Agreed {
        const ALLOC: Op = Op::Alloc { len: 60 };
        // Taken out, so that its slots stay reserved while the rest of the world is in use.
        let Some(mut socket) = self.world.socket.take() else {
            return (0..count).try_for_each(|_| self.world.step(ALLOC));
        };
        let (_, mut transmitter) = socket.halves();
        let mut reservation = transmitter.reserve(count.into());
        for _ in 0..count {
            self.world.step(ALLOC)?;
            if let Some(held) = self.world.oracle.held(u8::MAX) {
                let sent = reservation.send(self.world.held.remove(held));
                self.sent(held, sent)?;
            }
        }
        self.world.socket = Some(socket);
        Ok(())
    }

    /// Checks the outcome of sending a frame that was taken out of the held ones.
    fn sent(&mut self, held: usize, sent: Result<(), SendError<'u>>) -> Agreed {
        let frame = self.world.oracle.at(Place::Application)[held];
        let is_empty = self.world.oracle.packet(frame).len == 0;
        if let Err(refused) = sent {
            let is_right = (refused.kind == SendErrorKind::Empty) == is_empty;
            let rule = "only an empty packet is refused as such";
            holds(is_right, rule, &refused)?;
            self.world.held.insert(held, refused.frame);
            return Ok(());
        }
        holds(!is_empty, "no empty packet is sent", frame)?;
        self.world.oracle.send_for_certain(held);
        // Words that were impossible may become possible by it.
        self.rings.is_stalled = false;
        let stand = self.rings.step_on(RingKind::Tx, 1);
        agree(
            "entry of a sent packet",
            self.entry(RingKind::Tx, stand),
            self.world.entry_of(RingKind::Tx, frame),
        )
    }

    pub(super) fn refill(&mut self) -> Agreed {
        let Some(socket) = self.world.socket.as_mut() else {
            return Ok(());
        };
        let lent = socket.halves().0.refill();
        self.lend(lent)
    }

    /// Checks the frames lent: they must have been free, and be in the fill ring's slots.
    fn lend(&mut self, lent: u32) -> Agreed {
        let stand = self.passes(RingKind::Fill, lent)?;
        for ahead in 0..lent {
            let at = stand.wrapping_add(ahead);
            let is = Some(self.entry(RingKind::Fill, at));
            let frame = self.world.oracle.lend_for_certain();
            let should_be = frame.map(|frame| self.world.entry_of(RingKind::Fill, frame));
            agree("entry of a lent frame", is, should_be)?;
            if let Some(frame) = frame {
                let was_taken = false;
                self.loans[frame as usize] = Loan { at, was_taken };
            }
        }
        // A word that was impossible may become possible by it.
        self.note_taken();
        Ok(())
    }

    pub(super) fn reap(&mut self) -> Agreed {
        let Some(socket) = self.world.socket.as_mut() else {
            return Ok(());
        };
        let reaped = socket.halves().1.reap();
        self.take_back(reaped)
    }

    /// Checks the frames that came back: they must be exactly the good ones on the completion ring.
    fn take_back(&mut self, reaped: u32) -> Agreed {
        let Some(socket) = self.world.socket.as_mut() else {
            return Ok(());
        };
        let bad = socket.halves().1.bad_completions() - self.rings.bad_completions;
        self.rings.bad_completions += bad;
        let passed = bad as u32 + reaped;
        self.rings.is_stalled &= passed == 0;
        let stand = self.passes(RingKind::Completion, passed)?;
        let mut good = 0;
        for ahead in 0..passed {
            let at = stand.wrapping_add(ahead);
            let addr = self.entry(RingKind::Completion, at).addr;
            if let Some(frame) = self.frame_at(addr, Place::KernelSend) {
                self.world.oracle.reap_for_certain(frame);
                good += 1;
            } else if self.is_elsewhere(addr, Place::KernelSend) {
                self.seen.elsewhere += 1;
            }
        }
        agree("frames reaped", reaped, good)
    }

    pub(super) fn recycle(&mut self) -> Agreed {
        let Some(socket) = self.world.socket.as_mut() else {
            return Ok(());
        };
        let completed = socket.halves().1.completed();
        socket.recycle();
        let reaped = socket.halves().1.completed() - completed;
        self.take_back(reaped as u32)?;
        let lent = self.world.umem.census().receive - self.world.oracle.census().receive;
        self.lend(lent)
    }

    pub(super) fn look(&mut self, wanted: u8) -> Agreed {
        let Some(socket) = self.world.socket.as_mut() else {
            return Ok(());
        };
        // The model's kernel never reports readiness: the rings do.
        let ready = socket.wait(Interest::RECEIVE, None);
        let available = socket.accounting().rx;
        agree("what is not waited for", ready, Ok(available > 0))?;
        let slots = self.world.config.slots_of(RingKind::Tx);
        let (_, mut transmitter) = socket.halves();
        let room = transmitter.reserve(wanted.into()).len();
        let is_possible = room <= slots.min(wanted.into());
        holds(is_possible, "room inside the ring", room)?;
        let waiting = transmitter.waiting();
        let rule = "no more waiting than the ring holds";
        holds(waiting <= slots, rule, waiting)
    }

    pub(super) fn flush(&mut self, answer: Answer, submits: bool) -> Agreed {
        let Some(socket) = self.world.socket.as_mut() else {
            return Ok(());
        };
        self.world.kernel.state().answer = answer;
        let asked = if submits {
            socket.flush()
        } else {
            socket.request().map(drop)
        };
        self.asked(asked, answer)
    }

    /// Waits for packets. Whatever the kernel wrote, it wakes up as often as the kernel says.
    pub(super) fn wait(&mut self, is_silent: bool, is_woken: bool, answer: Answer) -> Agreed {
        let Some(socket) = self.world.socket.as_mut() else {
            return Ok(());
        };
        let kernel = self.world.kernel;
        kernel.state().sleep_from(is_silent, is_woken, answer);
        let waited = socket.wait(Interest::RECEIVE, None);
        kernel.state().sleep = Sleep::Never;
        let waits = mem::take(&mut kernel.state().waits).len();
        // Without a wait there were packets, or a kick failed.
        let is_right = match waits {
            0 => waited != Ok(false),
            1 => waited == Ok(is_woken),
            _ => false,
        };
        holds(is_right, "a wait is one call at most", (waits, waited))?;
        // A kernel that is told by the wait may have sent.
        self.rings.is_stalled &= is_silent;
        self.asked(waited.map(drop), answer)
    }

    /// The kicks and wakes that a step asked for.
    fn asked(&mut self, asked: Result<(), Errno>, answer: Answer) -> Agreed {
        let is_due = asked.is_ok() || answer == Answer::Fails;
        holds(is_due, "it fails only when a kick does", asked)?;
        let slots = self.world.config.slots_of(RingKind::Tx);
        let most = match self.world.config.kick_budget() {
            Some(budget) if !self.rings.is_stalled => slots.div_ceil(budget),
            _ => 1,
        };
        let kicks = mem::take(&mut self.world.kernel.side().kicks);
        let is_kick = |kick: &Kick| matches!(kick, Kick::Transmit { .. });
        if kicks.iter().any(is_kick) {
            self.rings.is_stalled = !matches!(answer, Answer::Takes(_));
        }
        let is_sane = |kick: &Kick| match kick {
            Kick::Transmit { times } => (1..=most).contains(times),
            Kick::Receive => true,
        };
        let are_sane = kicks.len() <= 2 && kicks.iter().all(is_sane);
        let rule = "no more kicks than the ring can need, and progress warrants";
        holds(are_sane, rule, kicks)
    }

    pub(super) fn accounting(&mut self) -> Agreed {
        let Some(socket) = self.world.socket.as_mut() else {
            return Ok(());
        };
        let (is, should_be) = (socket.accounting(), self.world.oracle.accounting());
        // What we own does not depend on the kernel.
        let ours = |at: Accounting| {
            [
                at.stash,
                at.application,
                at.elsewhere,
                at.retired,
                at.frames,
            ]
        };
        agree("accounting of what is ours", ours(is), ours(should_be))
    }

    pub(super) fn open(&mut self) -> Agreed {
        if self.world.socket.is_some() {
            return Ok(());
        }
        let config = self.world.config.socket(self.world.current());
        match self.world.open_socket(&config) {
            Ok(socket) => {
                let filled = socket.obtained().filled;
                self.world.socket = Some(socket);
                self.rings.take_up(&self.world.kernel.state().starts);
                self.lend(filled)
            }
            Err(error) => {
                let census = self.world.oracle.census();
                let is_used_up = census.stash == 0 && census.retired > 0;
                let may_fail = is_used_up && self.world.other.is_none();
                holds(may_fail, "a socket opens while frames are free", error)
            }
        }
    }
}

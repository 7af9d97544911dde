//! The program's steps, and what must hold after each, whatever the kernel wrote.

use xskit_core::backend::{Interest, Kick, RingKind, Sleep};
use xskit_core::socket::{SendError, SendErrorKind};
use xskit_core::umem::Frame;
use xskit_core::{Errno, Socket};

use super::mirror::Owner;
use super::{Broken, Siege, holds};
use crate::config::FRAME_BYTES;
use crate::op::{Answer, Doze};

impl<'u> Siege<'u> {
    pub(super) fn alloc(&mut self, len: u16) -> Broken {
        let is_any = self.mirror.census().stash > 0;
        let Some(mut frame) = self.umem.alloc() else {
            return holds(!is_any, "a free frame can be had", ());
        };
        let was_free = self
            .mirror
            .pass(frame.index(), Owner::Stash, Owner::Application);
        holds(was_free, "what comes out of the stash was free", &frame)?;
        let len = usize::from(len).min(frame.capacity());
        let set = frame.set_range(0..len);
        holds(set.is_ok(), "a range inside the frame is taken", &frame)?;
        self.held.push(frame);
        self.fill_frame(self.held.len() - 1)
    }

    pub(super) fn write(&mut self, held: u8, start: u16, len: u16) -> Broken {
        let Some(held) = self.held(held) else {
            return Ok(());
        };
        let range = usize::from(start)..usize::from(start) + usize::from(len);
        let is_inside = range.end <= FRAME_BYTES as usize;
        let is_set = self.held[held].set_range(range).is_ok();
        holds(
            is_set == is_inside,
            "a range is taken if it lies inside",
            (start, len),
        )?;
        self.fill_frame(held)
    }

    /// Fills a held frame with new bytes.
    fn fill_frame(&mut self, held: usize) -> Broken {
        let stamp = self.mirror.next_stamp();
        let frame = &mut self.held[held];
        self.mirror.stamps[frame.index() as usize] = stamp;
        let whole = frame.buffer_mut();
        let len = whole.len();
        match whole.try_into() {
            Ok(bytes) => stamp.fill(bytes),
            Err(_) => return holds(false, "a frame is as long as frames are", len),
        }
        Ok(())
    }

    pub(super) fn send(&mut self, held: u8) -> Broken {
        let Some(mut socket) = self.socket.take() else {
            return Ok(());
        };
        let sent = self.send_by(held, |frame| socket.send(frame));
        self.socket = Some(socket);
        sent
    }

    pub(super) fn burst(&mut self, count: u8) -> Broken {
        let Some(mut socket) = self.socket.take() else {
            return (0..count).try_for_each(|_| self.alloc(60));
        };
        let (_, mut transmitter) = socket.halves();
        let mut reservation = transmitter.reserve(count.into());
        let burst = (0..count).try_for_each(|_| {
            self.alloc(60)?;
            self.send_by(u8::MAX, |frame| reservation.send(frame))
        });
        self.socket = Some(socket);
        burst
    }

    /// Sends a held frame by the socket, which is taken out of `self` meanwhile.
    fn send_by(
        &mut self,
        held: u8,
        send: impl FnOnce(Frame<'u>) -> Result<(), SendError<'u>>,
    ) -> Broken {
        let Some(held) = self.held(held) else {
            return Ok(());
        };
        let frame = self.held.remove(held);
        let (index, range) = (frame.index(), frame.range());
        if let Err(refused) = send(frame) {
            let is_same = refused.frame.index() == index;
            holds(is_same, "a refused frame comes back", &refused)?;
            let should_be = range.is_empty();
            let is_empty = refused.kind == SendErrorKind::Empty;
            holds(
                is_empty == should_be,
                "only an empty packet is refused as such",
                &refused,
            )?;
            self.held.insert(held, refused.frame);
            return Ok(());
        }
        self.mirror.pass(index, Owner::Application, Owner::Transmit);
        // Words that were impossible may become possible by it.
        self.mirror.rings.is_stalled = false;
        let stand = self.step_on(RingKind::Tx, 1);
        let entry = self.entry(RingKind::Tx, stand);
        let addr = u64::from(index) * u64::from(FRAME_BYTES) + range.start as u64;
        let is_right = entry.addr == addr && entry.len as usize == range.len();
        holds(
            is_right && entry.options == 0,
            "a sent packet stands in its slot",
            entry,
        )
    }

    pub(super) fn drop_frame(&mut self, held: u8) {
        if let Some(held) = self.held(held) {
            let frame = self.held.remove(held);
            self.mirror
                .pass(frame.index(), Owner::Application, Owner::Stash);
        }
    }

    pub(super) fn refill(&mut self) -> Broken {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let lent = socket.halves().0.refill();
        self.lend(lent)
    }

    /// Checks the frames lent: they must have been free, and be in the fill ring's slots.
    fn lend(&mut self, lent: u32) -> Broken {
        let stand = self.passes(RingKind::Fill, lent)?;
        for ahead in 0..lent {
            let at = stand.wrapping_add(ahead);
            let addr = self.entry(RingKind::Fill, at).addr;
            let frame = self.mirror.frame_of(addr, Owner::Stash);
            let is_lent = frame.is_some_and(|frame| self.mirror.lend(frame, at));
            holds(is_lent, "what is lent was free", addr)?;
        }
        // A word that was impossible may become possible by it.
        self.note_taken();
        Ok(())
    }

    pub(super) fn reap(&mut self) -> Broken {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let reaped = socket.halves().1.reap();
        self.take_back(reaped)
    }

    /// Checks the frames that came back: they must be exactly the good ones on the completion ring.
    fn take_back(&mut self, reaped: u32) -> Broken {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let bad = socket.halves().1.bad_completions() - self.mirror.rings.bad_completions;
        self.mirror.rings.bad_completions += bad;
        let passed = bad as u32 + reaped;
        self.mirror.rings.is_stalled &= passed == 0;
        let stand = self.passes(RingKind::Completion, passed)?;
        let mut good = 0;
        for ahead in 0..passed {
            let addr = self
                .entry(RingKind::Completion, stand.wrapping_add(ahead))
                .addr;
            if let Some(frame) = self.mirror.frame_of(addr, Owner::Transmit) {
                self.mirror.pass(frame, Owner::Transmit, Owner::Stash);
                good += 1;
            } else if self.mirror.frame_of(addr, Owner::OtherTransmit).is_some() {
                self.seen.elsewhere += 1;
            }
        }
        holds(
            reaped == good,
            "only sent frames are reaped",
            (reaped, good),
        )
    }

    pub(super) fn recycle(&mut self) -> Broken {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let completed = socket.halves().1.completed();
        socket.recycle();
        let reaped = socket.halves().1.completed() - completed;
        self.take_back(reaped as u32)?;
        let lent = self.umem.census().receive - self.mirror.census().receive;
        self.lend(lent)
    }

    pub(super) fn look(&mut self, wanted: u8) -> Broken {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let slots = self.config.slots_of(RingKind::Tx);
        // The model's kernel never reports readiness: the rings do.
        let ready = socket.wait(Interest::RECEIVE, None);
        let available = socket.accounting().rx;
        holds(
            ready == Ok(available > 0),
            "what is there is not waited for",
            (ready, available),
        )?;
        let (_, mut transmitter) = socket.halves();
        let room = transmitter.reserve(wanted.into()).len();
        holds(
            room <= slots.min(wanted.into()),
            "room inside the ring",
            room,
        )?;
        let waiting = transmitter.waiting();
        holds(
            waiting <= slots,
            "no more waiting than the ring holds",
            waiting,
        )
    }

    pub(super) fn flush(&mut self, answer: Answer, submits: bool) -> Broken {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        self.kernel.state().answer = answer;
        let asked = if submits {
            socket.flush().map(|()| true)
        } else {
            socket.request()
        };
        self.asked(asked.map(drop), answer)
    }

    /// Waits for packets. Whatever the kernel wrote, it wakes up as often as the kernel says.
    pub(super) fn wait(&mut self, sleep: Doze, is_woken: bool, answer: Answer) -> Broken {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        {
            let mut kernel = self.kernel.state();
            kernel.sleep = sleep.of_backend();
            (kernel.wakes_up, kernel.answer) = (is_woken, answer);
        }
        let waited = socket.wait(Interest::RECEIVE, None);
        let mut kernel = self.kernel.state();
        kernel.sleep = Sleep::Never;
        let waits = std::mem::take(&mut kernel.waits).len();
        drop(kernel);
        // Without a wait there were packets, or a kick failed.
        let is_right = match waits {
            0 => waited != Ok(false),
            1 => waited == Ok(is_woken),
            _ => false,
        };
        holds(is_right, "a wait is one call at most", (waits, waited))?;
        // A kernel that is told by the wait may have sent.
        self.mirror.rings.is_stalled &= sleep == Doze::Silent;
        self.asked(waited.map(drop), answer)
    }

    /// The kicks and wakes that a step asked for.
    fn asked(&mut self, asked: Result<(), Errno>, answer: Answer) -> Broken {
        let is_due = asked.is_ok() || answer == Answer::Fails;
        holds(is_due, "it fails only when a kick does", asked)?;
        let slots = self.config.slots_of(RingKind::Tx);
        let most = match self.config.kick_budget() {
            Some(budget) if !self.mirror.rings.is_stalled => slots.div_ceil(budget),
            _ => 1,
        };
        let kicks = std::mem::take(&mut self.kernel.side().kicks);
        let is_kicked = kicks
            .iter()
            .any(|kick| matches!(kick, Kick::Transmit { .. }));
        if is_kicked {
            self.mirror.rings.is_stalled = !matches!(answer, Answer::Takes(_));
        }
        let is_sane = |kick: &Kick| match kick {
            Kick::Transmit { times } => (1..=most).contains(times),
            Kick::Receive => true,
        };
        let are_sane = kicks.len() <= 2 && kicks.iter().all(is_sane);
        holds(
            are_sane,
            "no more kicks than the ring can need, and progress warrants",
            kicks,
        )
    }

    pub(super) fn accounting(&mut self) -> Broken {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let at = socket.accounting();
        let census = self.mirror.census();
        let ours = (
            at.stash,
            at.application,
            at.elsewhere,
            at.retired,
            at.frames,
        );
        let should_be = (
            census.stash,
            census.application,
            self.mirror.elsewhere().len() as u32,
            census.retired,
            self.config.frames,
        );
        holds(
            ours == should_be,
            "what we own doesn't depend on the kernel",
            at,
        )
    }

    pub(super) fn close(&mut self) {
        if self.socket.take().is_some() {
            self.mirror.retire();
        }
    }

    pub(super) fn open(&mut self) -> Broken {
        if self.socket.is_some() {
            return Ok(());
        }
        let config = self.config.socket(self.kernel.state().current() as u32);
        let opened = match &self.other {
            Some(other) => other.open_shared(&config),
            None => Socket::open(self.kernel, self.umem, &config),
        };
        match opened {
            Ok(socket) => {
                let filled = socket.obtained().filled;
                self.socket = Some(socket);
                self.mirror.rings.take_up(&self.kernel.state().starts);
                self.lend(filled)
            }
            Err(error) => {
                let census = self.mirror.census();
                let is_used_up = census.stash == 0 && census.retired > 0;
                let may_fail = is_used_up && self.other.is_none();
                holds(may_fail, "a socket opens while frames are free", error)
            }
        }
    }
}

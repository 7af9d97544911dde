//! When the kernel is owed a kick or a wake, and when it must be left alone.
//!
//! Not how the core counts, but which cause a call must have: calls are checked against what the
//! kernel was told before, what it did since, and how much time it had. A due call that does not
//! come is a lost wake-up; one without a cause is a repeated one.

use std::mem;

use xskit_core::backend::{Kick, RingKind};

use super::tally::Tally;
use super::{Oracle, Place};

/// Flushes without progress after which a wake-up may be taken for lost.
pub(super) const OVERDUE: u32 = 4096;

/// The largest number of flushes for which a full device is left alone.
const LONGEST_PAUSE: u32 = 1024;

/// The number of packets that makes a kick worthwhile.
const GRAIN: u32 = 32;

/// A driver with this many frames left is not about to run dry.
const FEW: u32 = 64;

/// The text of a broken rule.
pub(super) type Rule = &'static str;

/// How many kicks, wakes and calls a cause allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    least: u32,
    most: u32,
}

impl Bounds {
    const NONE: Self = Self::exactly(0);

    const fn exactly(count: u32) -> Self {
        Self {
            least: count,
            most: count,
        }
    }

    const fn up_to(most: u32) -> Self {
        Self { least: 0, most }
    }

    fn hold(self, count: u32, lost: Rule, repeated: Rule) -> Result<(), Rule> {
        match count {
            count if count < self.least => Err(lost),
            count if count > self.most => Err(repeated),
            _ => Ok(()),
        }
    }
}

/// What the kernel was told about the TX ring, and what it had time for.
#[derive(Clone, Copy, Debug, Default)]
struct Sending {
    /// Zero-copy mode: the packet up to which it was told.
    told: u32,
    /// Whether it was told by a call; otherwise it did not ask for one.
    is_called: bool,
    /// Packets that it had taken: in copy mode at the last kick, else at the last flush.
    taken: u32,
    /// Copy mode: packets that it could take at the last kick, and how many the kicks could send.
    hoped: u32,
    asked: u32,
    /// Flushes that left a full device alone since the last kick, and how many there may be.
    skipped: u32,
    pause: (u32, u32),
    /// A flush found the flag clear; whether that counts as a kick is not visible.
    is_vague: bool,
    /// A sleep since the last kick gave a full device time.
    has_rested: bool,
    /// A sleep comes right after a kick, which may still be on its way.
    is_early: bool,
    /// A sleep since the last kick or progress in which nothing came.
    has_slept: bool,
    /// Flushes since the last kick or progress.
    looks: u32,
}

/// What the kernel was told about the fill ring.
#[derive(Clone, Copy, Debug, Default)]
struct Filling {
    /// Frames lent when the driver was given the ring.
    first: u32,
    /// Frames lent by the time when it was told, or did not ask.
    told: u32,
    /// A sleep since then in which nothing came, or that did not look at the ring.
    has_slept: bool,
    looks: u32,
}

/// The state that decides whether a call has a cause.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wakeups {
    sending: Sending,
    filling: Filling,
    pub(super) tally: Tally,
}

impl Wakeups {
    /// For a socket just opened, whose driver is given a fill ring with this many frames.
    pub(super) fn new(filled: u32) -> Self {
        Self {
            sending: Sending::default(),
            filling: Filling {
                first: filled,
                told: filled,
                ..Filling::default()
            },
            tally: Tally::new(filled),
        }
    }
}

impl Oracle {
    /// Checks what a flush asked of the kernel against what is owed. `has_failed`: the transmit
    /// kick failed permanently, after which no wake is requested.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn flushed(&mut self, kicks: &[Kick], has_failed: bool) -> Result<(), Rule> {
        let (times, wakes) = match *kicks {
            [] => (0, 0),
            [Kick::Transmit { times: 0 }, ..] => return Err("no kick has zero calls"),
            [Kick::Transmit { times }] => (times, 0),
            [Kick::Receive] => (0, 1),
            [Kick::Transmit { times }, Kick::Receive] => (times, 1),
            _ => return Err("at most one kick and one wake, in this order"),
        };
        self.note(times, wakes);
        self.kicked(times)?;
        if has_failed {
            // The kernel was not told.
            self.socket.wakeups.tally.sleeps += 1;
            self.socket.wakeups.sending.is_early = false;
            self.socket.wakeups.sending.has_rested = true;
            self.socket.wakeups.sending.has_slept = true;
        } else {
            self.woken(wakes)?;
        }
        self.bound_calls()
    }

    /// A wait that has the kernel look at both rings if their flags ask for it.
    pub fn tells_by_wait(&mut self) {
        self.note(0, 0);
        let reach = self.reach();
        let sending = &mut self.socket.wakeups.sending;
        sending.told = sending.told.max(reach);
        self.socket.wakeups.filling.told = self.lent_so_far();
    }

    /// A wait that does not have the kernel look. A full device had enough time, and a flag may
    /// have been set after it was found clear.
    pub fn sleeps_silently(&mut self) {
        self.socket.wakeups.tally.sleeps += 1;
        let sending = &mut self.socket.wakeups.sending;
        sending.has_rested |= sending.skipped > 0;
        sending.is_early = !sending.has_rested;
        let is_zero_copy = self.config.kick_budget().is_none();
        self.socket.wakeups.sending.has_slept |=
            is_zero_copy && !self.socket.wakeups.sending.is_called;
        self.socket.wakeups.filling.has_slept = true;
    }

    /// A sleep ended in which nothing came.
    pub fn slept_in_vain(&mut self) {
        self.socket.wakeups.tally.sleeps += 1;
        self.socket.wakeups.sending.is_early = false;
        self.socket.wakeups.sending.has_rested = true;
        self.socket.wakeups.sending.has_slept = true;
        self.socket.wakeups.filling.has_slept = true;
    }

    /// Calls that asked the kernel to send, and to look at the fill ring.
    #[must_use]
    pub fn calls(&self) -> (u64, u64) {
        (
            self.socket.wakeups.tally.calls,
            self.socket.wakeups.tally.wakes,
        )
    }

    /// The part of this that decides whether calls are due from now on. How long a full device is
    /// left alone, and flushes without progress, are left out: they only decide when, and no search
    /// over them would end.
    pub(crate) fn owed(&self) -> [u32; 7] {
        let Wakeups {
            sending, filling, ..
        } = self.socket.wakeups;
        let taken = self.taken();
        let is_alone = sending.skipped < sending.pause.0 && !sending.has_rested;
        let sent = match self.config.kick_budget() {
            None => [
                u32::from(self.reach() > sending.told),
                u32::from(taken != sending.taken),
                u32::from(sending.is_called),
            ],
            Some(_) => [
                (sending.asked + sending.taken).saturating_sub(taken),
                u32::from(is_alone),
                u32::from(sending.is_vague),
            ],
        };
        let is_told = self.lent_so_far() == filling.told;
        let slept = u32::from(sending.has_slept) | u32::from(sending.has_rested) << 1;
        [
            sent[0],
            sent[1],
            sent[2],
            slept,
            is_told.into(),
            u32::from(self.lent_so_far() == filling.first),
            filling.has_slept.into(),
        ]
    }

    pub(super) fn taken(&self) -> u32 {
        self.socket.passed[RingKind::Tx as usize].consumed
    }

    pub(super) fn lent_so_far(&self) -> u32 {
        self.socket.passed[RingKind::Fill as usize].produced
    }

    /// The packet up to which the kernel can take: what it was shown, as far as completions have a
    /// slot.
    pub(super) fn reach(&self) -> u32 {
        let slots = self.config.slots_of(RingKind::Completion);
        let reaped = self.socket.passed[RingKind::Completion as usize].consumed;
        self.socket.passed[RingKind::Tx as usize]
            .produced
            .min(reaped + slots)
    }

    /// Checks the number of transmit calls.
    fn kicked(&mut self, times: u32) -> Result<(), Rule> {
        if self.count(Place::TxRing) == 0 {
            let rule = "no kick is made for an empty ring";
            return Bounds::NONE.hold(times, rule, rule);
        }
        if times > 0 && !self.socket.wants_kick {
            return Err("no kick is made without NEED_WAKEUP");
        }
        let hoped = self.reach().saturating_sub(self.taken());
        match self.config.kick_budget() {
            None => self.started(times),
            Some(_) if hoped == 0 => self.kicked_in_vain(times),
            Some(budget) => self.copied(times, hoped, budget),
        }
    }

    /// Zero-copy mode, where a kick only starts work.
    fn started(&mut self, times: u32) -> Result<(), Rule> {
        let (reach, taken) = (self.reach(), self.taken());
        let is_asked = self.socket.wants_kick;
        let sending = &mut self.socket.wakeups.sending;
        let is_new = reach > sending.told;
        let has_moved = taken != sending.taken;
        let due = match is_new {
            _ if !is_asked => Bounds::NONE,
            true => Bounds::exactly(1),
            false if has_moved => Bounds::NONE,
            false => sending.lost(),
        };
        let is_over = is_new || has_moved;
        if is_new || sending.has_slept && !has_moved {
            sending.is_called = is_asked;
        }
        sending.told = sending.told.max(reach);
        sending.taken = taken;
        sending.look(is_over || times > 0);
        due.hold(
            times,
            "zero-copy: a kick is made for packets that the kernel was not told of",
            "zero-copy: no second kick is made for a packet without a cause",
        )
    }

    /// Copy mode, when the completion ring has no room.
    fn kicked_in_vain(&mut self, times: u32) -> Result<(), Rule> {
        let due = match self.socket.wants_kick {
            true => self.socket.wakeups.sending.lost(),
            false => Bounds::NONE,
        };
        self.socket.wakeups.sending.look(times > 0);
        due.hold(
            times,
            "copy: after a sleep a kick is made despite a full completion ring",
            "copy: no kick is made while the completion ring is full",
        )
    }

    /// Copy mode, where a call sends what it can, up to a budget.
    fn copied(&mut self, times: u32, hoped: u32, budget: u32) -> Result<(), Rule> {
        let (taken, is_asked) = (self.taken(), self.socket.wants_kick);
        let sending = &mut self.socket.wakeups.sending;
        let progress = taken - sending.taken;
        let needed = hoped.div_ceil(budget);
        // The last kicks left packets: no more calls than were useful, plus one.
        let of_use = match progress < sending.hoped {
            true => needed.min(progress.div_ceil(budget) + 1),
            false => needed,
        };
        let is_used_up = progress >= sending.asked;
        let is_due = is_used_up || sending.has_rested || sending.skipped >= sending.pause.1;
        let is_early = mem::take(&mut sending.is_early) && !is_used_up;
        let due = match sending.is_vague {
            _ if !is_asked => Bounds::NONE,
            true => Bounds::up_to(needed),
            false if is_early => Bounds::NONE,
            false if is_due => Bounds::exactly(of_use),
            false if sending.skipped < sending.pause.0 => Bounds::NONE,
            false => Bounds::up_to(of_use),
        };
        let is_whole = sending.is_vague || times == 0 || times == of_use;
        if times > 0 {
            sending.pause = match (is_used_up, sending.is_vague) {
                (_, true) => (0, LONGEST_PAUSE),
                (true, false) => (0, 0),
                (false, false) => sending.next_pause(progress),
            };
            (sending.taken, sending.hoped) = (taken, hoped);
            sending.asked = hoped.min(times * budget);
            (sending.skipped, sending.is_vague) = (0, false);
        } else {
            sending.skipped += u32::from(!is_early);
            sending.is_vague |= !is_asked;
        }
        sending.has_rested = false;
        sending.look(times > 0 || !is_asked);
        due.hold(
            times,
            "copy: packets get as many kicks as they need, once a full device had time",
            "copy: no more kicks than packets need and progress warrants, none too soon",
        )?;
        match is_whole {
            true => Ok(()),
            false => Err("copy: packets that get a kick get as many as they need"),
        }
    }

    /// Checks the number of wakes for the fill ring.
    fn woken(&mut self, wakes: u32) -> Result<(), Rule> {
        let lent = self.lent_so_far();
        let on_rings = self.count(Place::FillRing) + self.count(Place::RxRing);
        let left = self.lent().saturating_sub(on_rings);
        let is_asked = self.socket.wants_wake;
        let filling = &mut self.socket.wakeups.filling;
        let is_new = lent != filling.told;
        let due = match is_new {
            // Without new frames there is nothing to tell.
            _ if !is_asked || lent == filling.first => Bounds::NONE,
            true if left < FEW => Bounds::exactly(1),
            false if left >= FEW => Bounds::NONE,
            // The flag may have been set after it was found clear, and a call may be lost.
            _ if filling.looks + 1 >= OVERDUE => Bounds::up_to(1),
            _ => Bounds::exactly(filling.has_slept.into()),
        };
        if wakes > 0 || is_new && !is_asked {
            filling.told = lent;
        }
        if lent != filling.first {
            let is_over = wakes > 0 || filling.has_slept || is_new && !is_asked;
            filling.looks = if is_over { 0 } else { filling.looks + 1 };
            filling.has_slept = false;
        }
        due.hold(
            wakes,
            "a driver that asks for it is woken for new frames",
            "no driver is woken twice for the same frames without a cause",
        )
    }
}

impl Sending {
    /// Calls allowed because the last kick seems lost.
    fn lost(&self) -> Bounds {
        match self.has_slept {
            true => Bounds::exactly(1),
            false if self.looks + 1 >= OVERDUE => Bounds::up_to(1),
            false => Bounds::NONE,
        }
    }

    /// A flush looked at the ring. `is_over`: the kernel was told, or made progress.
    fn look(&mut self, is_over: bool) {
        let is_over = is_over || self.has_slept;
        self.looks = if is_over { 0 } else { self.looks + 1 };
        self.has_slept = false;
    }

    /// The bounds on the pause of a device that stays full, after a kick that sent `progress`
    /// packets.
    fn next_pause(&self, progress: u32) -> (u32, u32) {
        let (least, most) = match self.has_rested {
            true => self.pause,
            false => (self.skipped, self.skipped),
        };
        match progress {
            // Never fewer while kicks are not worthwhile.
            0..GRAIN => (least.max(1), (2 * most).clamp(1, LONGEST_PAUSE)),
            GRAIN..=63 => (least, most),
            _ => (least / 2, most),
        }
    }
}

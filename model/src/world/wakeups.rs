//! Steps that call the kernel: flushes and waits, on the real socket and on the oracle.

use std::mem;

use xskit_core::Errno;
use xskit_core::backend::{Interest, Kick, RingKind, Sleep};

use super::World;
use crate::difference::{Agreed, Difference, agree, holds};
use crate::kernel::AtWait;
use crate::op::Answer;

impl World<'_> {
    pub(super) fn flush(&mut self, answer: Answer, submits: bool) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        self.kernel.state().answer = answer;
        let asked = match submits {
            true => socket.flush().map(|()| None),
            false => socket.request().map(Some),
        };
        self.oracle.publish();
        let kicks = self.asked_for(answer)?;
        let expected = match submits {
            _ if is_fatal(&kicks, answer) => Err(Errno::EPERM),
            true => Ok(None),
            false => Ok(Some(!kicks.is_empty())),
        };
        agree("flush", asked, expected)?;
        let is_submitted = submits && asked.is_ok() && !kicks.is_empty();
        self.submitted(is_submitted)
    }

    pub(super) fn wait(&mut self, is_silent: bool, is_woken: bool, answer: Answer) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        self.kernel.state().sleep_from(is_silent, is_woken, answer);
        let ready = socket.wait(Interest::RECEIVE, None);
        self.kernel.state().sleep = Sleep::Never;
        if self.oracle.has_received() {
            agree("packets that are there", ready, Ok(true))?;
            return self.waited(None);
        }
        self.oracle.publish();
        let kicks = if is_silent {
            self.oracle.sleeps_silently();
            self.asked_for(answer)?
        } else {
            self.oracle.tells_by_wait();
            Vec::new()
        };
        if is_fatal(&kicks, answer) {
            agree("wait", ready, Err(Errno::EPERM))?;
            return self.waited(None);
        }
        agree("wait", ready, Ok(is_woken))?;
        // Everything owed is published and requested before the sleep.
        let shown = [RingKind::Tx, RingKind::Fill].map(|kind| {
            let produced = self.oracle.socket.passed[kind as usize].produced;
            self.config.start_of(kind).wrapping_add(produced)
        });
        self.waited(Some(AtWait {
            shown: (shown[0], shown[1]),
            kicks: kicks.len(),
        }))?;
        let is_kicked = !is_silent && self.oracle.socket.wants_kick;
        match answer {
            Answer::Takes(count) if is_kicked => self.taken(count.into())?,
            _ => self.taken(0)?,
        }
        if !is_woken {
            self.oracle.slept_in_vain();
        }
        Ok(())
    }

    /// Checks the requested kicks and wakes against what is owed, and then performs them.
    fn asked_for(&mut self, answer: Answer) -> Result<Vec<Kick>, Difference> {
        let kicks = mem::take(&mut self.kernel.side().kicks);
        let has_failed = is_fatal(&kicks, answer);
        if let Err(rule) = self.oracle.flushed(&kicks, has_failed) {
            holds(false, rule, &kicks)?;
        }
        match (kicks.first(), answer) {
            (Some(Kick::Transmit { times }), Answer::Takes(count)) => {
                self.taken(u32::from(count) * times)?;
            }
            _ => self.taken(0)?,
        }
        Ok(kicks)
    }

    /// Checks that the kernel saw these waits and no other call.
    fn waited(&mut self, should_be: Option<AtWait>) -> Agreed {
        let waits = mem::take(&mut self.kernel.state().waits);
        agree("waits", waits, should_be.into_iter().collect())?;
        let kicks = mem::take(&mut self.kernel.side().kicks);
        agree("kicks by a wait", kicks, Vec::new())?;
        // A silent wait submits the requests itself.
        self.submitted(false)
    }

    fn submitted(&mut self, should_be: bool) -> Agreed {
        let submits = mem::take(&mut self.kernel.state().submits);
        agree("submissions", submits, should_be.into())
    }
}

/// Whether a transmit kick was made that fails permanently.
fn is_fatal(kicks: &[Kick], answer: Answer) -> bool {
    answer == Answer::Fails && matches!(kicks.first(), Some(Kick::Transmit { .. }))
}

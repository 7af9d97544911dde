//! What is under way between this thread and the kernel: the ring, and an account for each socket.

#[cfg(test)]
mod fixture;
mod kick;
mod setup;
mod shutdown;
mod wait;

use std::time::Duration;

use xskit_core::Errno;
use xskit_core::backend::Calls;
use xskit_rustix::RustixBackend;

use crate::answer::Answers;
use crate::poll::Poll;
use crate::ring::{Completion, Full, Request, Ring};
use crate::socket::{Accounts, UringSocket};
use crate::tag::{Purpose, Tag};

/// How often a submission is tried at once while the kernel has no memory for it.
const TRIES: u32 = 3;
/// Kicks per socket that a polled ring may have under way beyond what the work needs.
const SPARE: u32 = 2;

#[derive(Debug)]
pub(crate) struct Traffic {
    ring: Ring,
    pub(crate) accounts: Accounts,
    /// Makes the calls that don't go through the ring, and counts all calls.
    pub(crate) direct: RustixBackend,
    /// Whether an account may hold a failure. Spares a look at all of them.
    has_failed: bool,
    /// Kicks that were asked for and not submitted to a polled ring.
    owed: Vec<Debt>,
    /// The results of set-up entries.
    answers: Answers,
    /// The poll for a call of the waker.
    waker: Poll,
    /// Kicks that succeed have no completion (IOSQE_CQE_SKIP_SUCCESS, Linux 5.17).
    is_quiet: bool,
}

/// Kicks of a socket that were asked for and are still to be submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Debt {
    request: Request,
    tag: Tag,
    remaining: u32,
}

impl Traffic {
    pub(crate) fn new(ring: Ring, direct: RustixBackend) -> Self {
        // Completions show how far a kernel thread has come.
        let is_quiet = !ring.is_polled() && ring.features().is_feature_skip_cqe_on_success();
        Self {
            ring,
            accounts: Accounts::new(),
            direct,
            has_failed: false,
            owed: Vec::new(),
            answers: Answers::default(),
            waker: Poll::default(),
            is_quiet,
        }
    }

    /// Puts a request on the queue and counts it.
    #[inline]
    fn push(&mut self, request: Request, tag: Tag) -> Result<(), Full> {
        let is_kick = matches!(tag.purpose, Purpose::Kick | Purpose::Wake);
        self.ring.push(request, tag, self.is_quiet && is_kick)?;
        self.direct.count(|calls| {
            let submitted = &mut calls.submissions;
            match tag.purpose {
                Purpose::Setup | Purpose::Open => submitted.setup += 1,
                Purpose::Kick => submitted.kicks += 1,
                Purpose::Wake => submitted.wakes += 1,
                Purpose::PollReceive | Purpose::PollTransmit | Purpose::PollWaker => {
                    submitted.polls += 1;
                }
                Purpose::Cancel => submitted.cancels += 1,
            }
        });
        Ok(())
    }

    /// As [`push`](Self::push). A full queue is handed over first, or waited for if the kernel
    /// thread takes it.
    ///
    /// # Errors
    /// EAGAIN if the kernel has no memory for requests; else the errno of the call.
    fn push_or_submit(&mut self, request: Request, tag: Tag) -> Result<(), Errno> {
        for _ in 0..TRIES {
            if self.push(request, tag).is_ok() {
                return Ok(());
            }
            self.hand_over()?;
            if self.ring.is_polled() {
                self.wait_for_room()?;
            }
        }
        Err(Errno::EAGAIN)
    }

    /// Waits until the kernel thread takes something off a full queue.
    fn wait_for_room(&mut self) -> Result<(), Errno> {
        self.direct.count(|calls| calls.enters += 1);
        match self.ring.wait_for_room() {
            Err(error) if !error.is_transient() => Err(error),
            _ => Ok(()),
        }
    }

    /// Hands over what is on the queue, without waiting: by one `io_uring_enter(2)`, or by none if
    /// the kernel thread takes it.
    fn hand_over(&mut self) -> Result<(), Errno> {
        self.reap();
        self.pay_soon();
        for _ in 0..TRIES {
            if !self.ring.wants_enter() {
                return Ok(());
            }
            match self.enter(0, None, |calls| calls.enters += 1) {
                // The kernel thread that was just woken clears its flag some time later.
                Ok(_) if self.ring.is_polled() => return Ok(()),
                Ok(_) => {}
                Err(Errno::EAGAIN | Errno::EBUSY | Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
        // The kernel has no memory for requests: the rest stays on the queue for the next call.
        Ok(())
    }

    /// Submits what is owed to sockets that have few kicks under way, as far as there is room now.
    fn pay_soon(&mut self) {
        if self.owed.is_empty() {
            return;
        }
        for mut debt in std::mem::take(&mut self.owed) {
            let account = self.accounts.get_mut(debt.tag.socket);
            let is_late = account.is_some_and(|account| account.outstanding > SPARE);
            while !is_late && debt.remaining > 0 && self.push_polled(debt.request, debt.tag) {
                debt.remaining -= 1;
            }
            self.owe(debt);
        }
    }

    /// Keeps a debt, which the next call of any kind pays.
    fn owe(&mut self, debt: Debt) {
        if debt.remaining > 0 {
            self.owed.push(debt);
        }
    }

    /// Returns whether there was room.
    fn push_polled(&mut self, request: Request, tag: Tag) -> bool {
        let has_room = self.push(request, tag).is_ok();
        if has_room {
            self.count_outstanding(tag);
        }
        has_room
    }

    fn count_outstanding(&mut self, tag: Tag) {
        if let Some(account) = self.accounts.get_mut(tag.socket) {
            account.outstanding += 1;
        }
    }

    /// `io_uring_enter(2)`, counted by `count`. Reaps, and returns how many completions there were.
    fn enter(
        &mut self,
        wanted: u32,
        timeout: Option<Duration>,
        count: impl FnOnce(&mut Calls),
    ) -> Result<u32, Errno> {
        self.direct.count(count);
        let entered = self.ring.enter(wanted, timeout);
        let completed = self.reap();
        entered.map(|_| completed)
    }

    /// Books all completions. Returns how many there were.
    fn reap(&mut self) -> u32 {
        let Self {
            ring,
            accounts,
            direct,
            has_failed,
            answers,
            waker,
            ..
        } = self;
        let mut completed = 0;
        ring.reap(|completion| {
            completed += 1;
            if completion.tag == Some(Tag::WAKER) {
                // The next wait arms it again, also after a failure.
                let _ = waker.complete(completion.result, completion.more);
                return;
            }
            match settle(completion, accounts, answers) {
                Settled::Well => {}
                Settled::Transient(errno) => direct.count(|calls| calls.count_transient(errno)),
                Settled::Failed => *has_failed = true,
            }
        });
        completed
    }

    /// Returns the failure of a socket that was not returned yet.
    #[inline]
    fn take_failure_of(&mut self, socket: &UringSocket) -> Result<(), Errno> {
        if !self.has_failed {
            return Ok(());
        }
        let account = self.accounts.get_mut(socket.number);
        account
            .and_then(|account| account.failed.take())
            .map_or(Ok(()), Err)
    }

    /// Returns the first failure of any socket.
    #[inline]
    fn take_failure(&mut self) -> Result<(), Errno> {
        if !self.has_failed {
            return Ok(());
        }
        let mut accounts = self.accounts.iter_mut();
        let failed = accounts.find_map(|(_, account)| account.failed.take());
        self.has_failed = failed.is_some();
        failed.map_or(Ok(()), Err)
    }
}

/// What a completion means for its socket.
enum Settled {
    Well,
    /// A transient errno, which is counted.
    Transient(Errno),
    /// The socket's account holds the errno.
    Failed,
}

/// Books a completion.
fn settle(completion: Completion, accounts: &mut Accounts, answers: &mut Answers) -> Settled {
    let Completion { tag, result, more } = completion;
    let Some(tag) = tag else {
        return Settled::Well;
    };
    let is_setup = matches!(tag.purpose, Purpose::Setup | Purpose::Open);
    let is_late = is_setup && !answers.complete(tag, result);
    let Some(account) = accounts.get_mut(tag.socket) else {
        return Settled::Well;
    };
    let failure = match tag.purpose {
        Purpose::Setup | Purpose::Open => {
            account.late = account.late.saturating_sub(u32::from(is_late));
            None
        }
        Purpose::Kick | Purpose::Wake => {
            account.outstanding = account.outstanding.saturating_sub(1);
            (result < 0).then_some(-result)
        }
        // It belongs to no socket.
        Purpose::PollWaker => None,
        Purpose::PollReceive => account.receive.complete(result, more),
        Purpose::PollTransmit => account.transmit.complete(result, more),
        Purpose::Cancel => {
            // ENOENT, nothing to cancel, is fine as well.
            account.cancels = account.cancels.saturating_sub(1);
            None
        }
    };
    match failure.map(Errno) {
        None => Settled::Well,
        Some(errno) if errno.is_transient() => Settled::Transient(errno),
        Some(errno) => {
            // One is enough; the first is most likely the cause.
            account.failed.get_or_insert(errno);
            Settled::Failed
        }
    }
}

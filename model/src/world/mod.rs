//! The real sockets and the oracle, side by side.

mod compare;
mod kernel;
mod opening;
mod program;
mod wakeups;

use std::mem;

use xskit_core::Socket;
use xskit_core::backend::RingKind;
use xskit_core::umem::{Frame, FrameSlot, Umem};

use crate::Oracle;
use crate::bare::{Bare, BareMemory};
use crate::config::{Config, MAX_FRAMES};
use crate::difference::Agreed;
use crate::kernel::{Kernel, Ring, RingWords};
use crate::op::{Op, RINGS};
use crate::region::Region;

/// The real sockets and the oracle, side by side.
pub struct World<'u> {
    pub(crate) config: Config,
    pub(crate) umem: &'u Umem<'u, Region>,
    pub(crate) kernel: &'u Kernel,
    /// The one that steps are about.
    pub(crate) socket: Option<Socket<'u, Kernel>>,
    pub(crate) other: Option<Socket<'u, Kernel>>,
    /// As the oracle's list of [`Place::Application`](crate::oracle::Place).
    pub(crate) held: Vec<Frame<'u>>,
    pub(crate) oracle: Oracle,
    pub(crate) bare: Bare<'u>,
}

impl World<'_> {
    /// Makes a world with no socket open yet, and lets `act` use it.
    ///
    /// # Panics
    /// When `config` is out of its bounds.
    pub fn with<R>(config: &Config, act: impl FnOnce(&mut World<'_>) -> R) -> R {
        let kernel = Kernel::new(config);
        let mut slots = vec![FrameSlot::new(); MAX_FRAMES as usize];
        let region = Region::new(config.frames);
        let umem = Umem::new(region, &mut slots, Config::frame_size()).expect("a UMEM");
        let bare = BareMemory::new(config);
        act(&mut World {
            config: *config,
            umem: &umem,
            kernel: &kernel,
            socket: None,
            other: None,
            held: Vec::new(),
            oracle: Oracle::new(config),
            bare: Bare::new(&bare),
        })
    }

    /// What should be.
    #[must_use]
    pub fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// Opens the sockets that are open at the beginning.
    ///
    /// # Errors
    /// What differs.
    pub fn begin(&mut self) -> Agreed {
        self.open(None)?;
        if self.config.has_two {
            self.switch();
            self.open(None)?;
            self.switch();
        }
        Ok(())
    }

    /// From now on steps are about the other socket.
    pub fn switch(&mut self) {
        mem::swap(&mut self.socket, &mut self.other);
        self.kernel.state().switch();
        self.oracle.switch();
    }

    /// Which of the two sockets steps are about, from zero on.
    pub(crate) fn current(&self) -> u32 {
        self.kernel.state().current() as u32
    }

    /// Takes a step, and compares all that can be seen.
    ///
    /// # Errors
    /// What differs.
    pub fn apply(&mut self, op: Op) -> Agreed {
        self.step(op)?;
        self.compare()
    }

    /// Takes a step, and compares what it returned.
    ///
    /// # Errors
    /// What differs.
    pub fn step(&mut self, op: Op) -> Agreed {
        match op {
            Op::Alloc { len } => self.alloc(len),
            Op::Write { held, start, len } => self.write(held, start, len),
            Op::Send { held } => self.send(held),
            Op::Burst { count } => self.burst(count),
            Op::Drop { held } => self.drop_frame(held),
            Op::Receive { max, take, keep } => self.receive(max, take, keep),
            Op::Forget { max, take } => self.forget(max, take),
            Op::Refill => self.refill(),
            Op::Reap => self.reap(),
            Op::Recycle => self.recycle(),
            Op::Room { wanted } => self.room(wanted),
            Op::Waiting => self.waiting(),
            Op::Flush(answer) => self.flush(answer, true),
            Op::Request(answer) => self.flush(answer, false),
            Op::Wait {
                is_silent,
                is_woken,
                answer,
            } => self.wait(is_silent, is_woken, answer),
            Op::Accounting => self.accounting(),
            Op::Close => self.close(),
            Op::Open { refused } => self.open(refused),
            Op::Switch => {
                self.switch();
                Ok(())
            }
            Op::KernelTakes { count } => self.kernel_takes(count),
            Op::KernelCompletes { pick, count } => self.kernel_completes(pick, count),
            Op::KernelTakesFill { count } => self.kernel_takes_fill(count),
            Op::KernelDelivers { pick, start, len } => self.kernel_delivers(pick, start, len),
            Op::KernelDeliversEarly { count, start, len } => {
                self.kernel_delivers_early(count, start, len)
            }
            Op::KernelSettles => {
                self.kernel_settles();
                Ok(())
            }
            Op::KernelWantsKick(wanted) => {
                self.kernel_wants(RingKind::Tx, wanted);
                Ok(())
            }
            Op::KernelWantsWake(wanted) => {
                self.kernel_wants(RingKind::Fill, wanted);
                Ok(())
            }
            Op::Ring(op) => self.bare.step(op),
        }
    }

    /// The words of the socket's rings, by kind; none without a socket.
    pub(crate) fn ring_words(&self) -> Option<[RingWords; 4]> {
        self.socket.as_ref()?;
        let kernel = self.kernel.side();
        match RINGS.map(|kind| kernel.ring(kind).map(Ring::words)) {
            [Some(fill), Some(completion), Some(rx), Some(tx)] => Some([fill, completion, rx, tx]),
            _ => None,
        }
    }
}

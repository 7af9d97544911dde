//! A kernel that does nothing by itself: every step of it is requested. `xskit_core::sim` is no
//! substitute: it moves packets by itself, and its rings are the core's own, which are under test
//! here.

mod backend;
mod ring;
mod side;

use std::cell::{RefCell, RefMut};

use xskit_core::backend::Sleep;

use crate::config::Config;
use crate::op::{Answer, OpenStep};
pub(crate) use backend::REFUSAL;
pub(crate) use ring::{Ring, RingWords};
use side::Side;

/// The [`Backend`](xskit_core::Backend) of a [`World`](crate::World), and the kernel behind it.
#[derive(Debug)]
pub struct Kernel {
    state: RefCell<State>,
}

/// An open socket of a [`Kernel`], one of two.
#[derive(Debug)]
pub struct KernelSocket {
    at: usize,
}

/// The kernel's state.
#[derive(Debug)]
pub(crate) struct State {
    is_zero_copy: bool,
    raises_budget: bool,
    /// The producer and the consumer word of each ring when it is mapped.
    pub(crate) starts: [(u32, u32); 4],
    sides: [Side; 2],
    /// The index of the current socket, and of the next one opened.
    current: usize,
    /// The step of opening to refuse.
    pub(crate) refused: Option<OpenStep>,
    /// The answer to the next kicks.
    pub(crate) answer: Answer,
    /// The submissions since the last look.
    pub(crate) submits: u32,
    /// What a wait does for the rings. A sleep is requested by a step; other waits are looks.
    pub(crate) sleep: Sleep,
    /// Whether a packet comes during a wait.
    pub(crate) wakes_up: bool,
    /// The program's progress at the beginning of each wait since the last look.
    pub(crate) waits: Vec<AtWait>,
}

/// The program's progress at the beginning of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AtWait {
    /// The producer words of the TX and the fill ring.
    pub(crate) shown: (u32, u32),
    /// Kicks and wakes that were asked for.
    pub(crate) kicks: usize,
}

impl Kernel {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            state: RefCell::new(State {
                is_zero_copy: config.zero_copy,
                raises_budget: config.raises_budget,
                starts: config.starts.map(|start| (start, start)),
                sides: Default::default(),
                current: 0,
                refused: None,
                answer: Answer::Later,
                submits: 0,
                sleep: Sleep::Never,
                wakes_up: false,
                waits: Vec::new(),
            }),
        }
    }

    pub(crate) fn state(&self) -> RefMut<'_, State> {
        self.state.borrow_mut()
    }

    /// The kernel's side of the socket that steps are about.
    pub(crate) fn side(&self) -> RefMut<'_, Side> {
        RefMut::map(self.state(), |state| &mut state.sides[state.current])
    }
}

impl State {
    /// From now on a wait sleeps, and ends so.
    pub(crate) fn sleep_from(&mut self, is_silent: bool, wakes_up: bool, answer: Answer) {
        self.sleep = if is_silent {
            Sleep::Silent
        } else {
            Sleep::Kicks
        };
        (self.wakes_up, self.answer) = (wakes_up, answer);
    }

    /// From now on steps are about the other socket.
    pub(crate) fn switch(&mut self) {
        self.current = 1 - self.current;
    }

    /// Which of the two sockets steps are about, from zero on.
    pub(crate) fn current(&self) -> usize {
        self.current
    }
}

//! A kernel that does nothing by itself: every step of it is asked for.

mod backend;
mod ring;

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;

use xskit_core::abi::{Desc, RING_NEED_WAKEUP, UmemReg};
use xskit_core::backend::{Calls, Kick, RingKind, Sleep};

use crate::config::{Config, FRAME_BYTES};
use crate::op::{Answer, OpenStep};
pub(crate) use backend::REFUSAL;
pub(crate) use ring::Ring;

/// The [`Backend`](xskit_core::Backend) of a [`World`](crate::World), and the kernel behind it.
#[derive(Debug)]
pub struct Kernel {
    state: RefCell<State>,
}

/// The one open socket of a [`Kernel`].
#[derive(Debug)]
pub struct KernelSocket {
    _made_here_only: (),
}

/// All that a kernel knows of its one socket.
#[derive(Debug)]
pub(crate) struct State {
    is_zero_copy: bool,
    raises_budget: bool,
    /// The producer and the consumer word of each ring when it is mapped.
    pub(crate) starts: [(u32, u32); 4],
    pub(crate) umem: Option<UmemReg>,
    sizes: [Option<u32>; 4],
    rings: [Option<Ring>; 4],
    is_open: bool,
    pub(crate) is_bound: bool,
    /// Frames off the fill ring whose packets were shown, and which still stand there.
    unsettled: u32,
    /// Frames off the fill ring, by address, in the driver's hands.
    pub(crate) receiving: VecDeque<u64>,
    /// Packets off the TX ring, under way.
    pub(crate) sending: VecDeque<Desc>,
    /// The step of opening to refuse.
    pub(crate) refused: Option<OpenStep>,
    /// What the next kicks are answered with.
    pub(crate) answer: Answer,
    /// The kicks since somebody looked.
    pub(crate) kicks: Vec<Kick>,
    /// The submissions since somebody looked.
    pub(crate) submits: u32,
    /// What a wait does for the rings. One that sleeps is asked for by a step; the others are looks.
    pub(crate) sleep: Sleep,
    /// Whether something comes during a wait.
    pub(crate) wakes_up: bool,
    /// What the waits since somebody looked found when they began.
    pub(crate) waits: Vec<AtWait>,
    calls: Calls,
}

/// What the program has done when a wait begins.
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
                umem: None,
                sizes: [None; 4],
                rings: [const { None }; 4],
                is_open: false,
                is_bound: false,
                unsettled: 0,
                receiving: VecDeque::new(),
                sending: VecDeque::new(),
                refused: None,
                answer: Answer::Later,
                kicks: Vec::new(),
                submits: 0,
                sleep: Sleep::Never,
                wakes_up: false,
                waits: Vec::new(),
                calls: Calls::default(),
            }),
        }
    }

    pub(crate) fn state(&self) -> RefMut<'_, State> {
        self.state.borrow_mut()
    }
}

impl State {
    /// A ring of the bound socket; none without one.
    pub(crate) fn ring(&self, kind: RingKind) -> Option<&Ring> {
        self.rings[kind as usize].as_ref().filter(|_| self.is_bound)
    }

    /// How many frames a bind would find on the fill ring that was mapped last, though it comes only
    /// after the socket was given up: a duplicate of the descriptor still has it.
    pub(crate) fn found_by_late_bind(&self) -> u32 {
        self.rings[RingKind::Fill as usize]
            .as_ref()
            .map_or(0, Ring::filled)
    }

    /// Takes up to `count` packets off the TX ring. How many are left?
    pub(crate) fn take(&mut self, count: u32) -> u32 {
        let Some(tx) = self.rings[RingKind::Tx as usize].as_ref() else {
            return 0;
        };
        self.sending.extend((0..count).map_while(|_| tx.take()));
        tx.filled()
    }

    /// Puts a packet under way on the completion ring, by its frame's address. False when the ring
    /// is full, or there is no packet.
    pub(crate) fn complete(&mut self, pick: usize) -> bool {
        let (Some(&desc), Some(ring)) = (self.sending.get(pick), self.ring(RingKind::Completion))
        else {
            return false;
        };
        let done = ring.put(Desc {
            addr: desc.addr,
            len: 0,
            options: 0,
        });
        if done {
            self.sending.remove(pick);
        }
        done
    }

    /// Takes up to `count` frames off the fill ring.
    pub(crate) fn take_fill(&mut self, count: u32) {
        self.settle();
        let Some(fill) = self.rings[RingKind::Fill as usize].as_ref() else {
            return;
        };
        let frames = (0..count).map_while(|_| fill.take());
        self.receiving.extend(frames.map(|desc| desc.addr));
    }

    /// Puts a packet in a frame at hand on the RX ring. False when the ring is full, or there is
    /// no frame.
    pub(crate) fn deliver(&mut self, pick: usize, start: u32, len: u32) -> bool {
        self.settle();
        let (Some(&frame), Some(ring)) = (self.receiving.get(pick), self.ring(RingKind::Rx)) else {
            return false;
        };
        let frame = frame & !u64::from(FRAME_BYTES - 1);
        let done = ring.put(Desc {
            addr: frame + u64::from(start),
            len,
            options: 0,
        });
        if done {
            self.receiving.remove(pick);
        }
        done
    }

    /// Takes the next frame off the fill ring, puts a packet in it on the RX ring, and shows that
    /// only. False when the ring is full, or there is no frame.
    pub(crate) fn deliver_early(&mut self, start: u32, len: u32) -> bool {
        let (Some(fill), Some(rx)) = (self.ring(RingKind::Fill), self.ring(RingKind::Rx)) else {
            return false;
        };
        if self.unsettled >= fill.filled() {
            return false;
        }
        let frame = fill.entry(fill.consumer().wrapping_add(self.unsettled));
        let done = rx.put(Desc {
            addr: frame.addr + u64::from(start),
            len,
            options: 0,
        });
        self.unsettled += u32::from(done);
        done
    }

    /// Shows which frames were taken off the fill ring.
    pub(crate) fn settle(&mut self) {
        let taken = std::mem::take(&mut self.unsettled);
        if let Some(fill) = self.ring(RingKind::Fill).filter(|_| taken > 0) {
            fill.set_consumer(fill.consumer().wrapping_add(taken));
        }
    }

    /// Sets or clears NEED_WAKEUP of a ring.
    pub(crate) fn want_wakeup(&self, kind: RingKind, wanted: bool) {
        if let Some(ring) = self.ring(kind) {
            ring.set_flags(if wanted { RING_NEED_WAKEUP } else { 0 });
        }
    }
}

//! The real socket against a kernel that writes arbitrary values into the shared memory.
//!
//! Words, flags and slots take any value at any step. Whatever they are: nothing panics; a frame
//! has one owner; every token's bytes lie inside its frame and stay as the program wrote them;
//! exactly the valid descriptors become frames, and all others are counted. A descriptor for a
//! frame that is still on the fill ring is invalid, and waits until that is certain. A descriptor
//! for a frame that the kernel has by the other of two sockets over the UMEM is invalid too.

mod check;
mod kernel;
mod mirror;
mod program;
mod receive;
mod rings;
pub mod step;

use std::{fmt, mem};

use arbitrary::{Arbitrary, Unstructured};
use xskit_core::Socket;
use xskit_core::umem::{Frame, FrameSlot, Umem};

use crate::config::{Config, MAX_FRAMES};
use crate::kernel::Kernel;
use crate::op::Op;
use crate::region::Region;
use crate::run::MAX_STEPS;
use mirror::Mirror;
use step::Step;

/// Nothing, or the broken rule and what broke it.
type Broken = Result<(), String>;

/// Checks a rule.
fn holds(is_so: bool, rule: &'static str, seen: impl fmt::Debug) -> Broken {
    if is_so {
        Ok(())
    } else {
        Err(format!("not so: {rule}; {seen:?}"))
    }
}

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
struct Siege<'u> {
    config: Config,
    umem: &'u Umem<'u, Region>,
    kernel: &'u Kernel,
    /// The one that steps are about.
    socket: Option<Socket<'u, Kernel>>,
    other: Option<Socket<'u, Kernel>>,
    held: Vec<Frame<'u>>,
    mirror: Mirror,
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
    match Siege::with(&config, consumers, |siege| siege.run(&steps)) {
        Ok(seen) => seen,
        Err(failure) => panic!("{failure}"),
    }
}

/// The distance between the words of each ring when it is mapped; mostly 0.
fn apart(bytes: &mut Unstructured<'_>) -> arbitrary::Result<[i8; 4]> {
    match bytes.int_in_range(0..=3u8)? {
        0 => bytes.arbitrary(),
        _ => Ok([0; 4]),
    }
}

impl Siege<'_> {
    /// A world whose consumer words start this far from the producer words.
    fn with<R>(config: &Config, consumers: [i8; 4], act: impl FnOnce(&mut Siege<'_>) -> R) -> R {
        let kernel = Kernel::new(config);
        for ((_, consumer), ahead) in kernel.state().starts.iter_mut().zip(consumers) {
            *consumer = consumer.wrapping_add_signed(ahead.into());
        }
        let mut slots = vec![FrameSlot::new(); MAX_FRAMES as usize];
        let region = Region::new(config.frames);
        let umem = Umem::new(region, &mut slots, Config::frame_size()).expect("a UMEM");
        act(&mut Siege {
            config: *config,
            umem: &umem,
            kernel: &kernel,
            socket: None,
            other: None,
            held: Vec::new(),
            mirror: Mirror::new(config),
            seen: Seen::default(),
        })
    }

    fn run(&mut self, steps: &[Step]) -> Result<Seen, String> {
        let config = self.config;
        let failed = |step: usize, rule| {
            let steps = &steps[..=step.min(steps.len().saturating_sub(1))];
            format!("{rule}\nin a world of {config:?}\nafter these steps: {steps:#?}")
        };
        self.begin().map_err(|rule| failed(0, rule))?;
        for (number, step) in steps.iter().enumerate() {
            self.apply(*step)
                .and_then(|()| self.check())
                .map_err(|rule| failed(number, rule))?;
        }
        let seen = self.seen();
        self.end()
            .and_then(|()| self.check())
            .map_err(|rule| failed(steps.len(), rule))?;
        Ok(seen)
    }

    /// Opens the sockets that the world begins with.
    fn begin(&mut self) -> Broken {
        self.open()?;
        if self.config.has_two {
            self.switch();
            self.open()?;
            self.switch();
        }
        Ok(())
    }

    /// Brings all frames home, by each socket.
    fn end(&mut self) -> Broken {
        self.repent()?;
        self.switch();
        self.repent()
    }

    /// From now on steps are about the other socket.
    fn switch(&mut self) {
        mem::swap(&mut self.socket, &mut self.other);
        self.kernel.state().switch();
        self.mirror.switch();
    }

    fn apply(&mut self, step: Step) -> Broken {
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
            Step::Take { is_transmit, count } => self.claim_taken(is_transmit, count),
        }
        Ok(())
    }

    fn program(&mut self, op: Op) -> Broken {
        match op {
            Op::Alloc { len } => self.alloc(len),
            Op::Write { held, start, len } => self.write(held, start, len),
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
                sleep,
                is_woken,
                answer,
            } => self.wait(sleep, is_woken, answer),
            Op::Accounting => self.accounting(),
            Op::Open { .. } => self.open(),
            Op::Drop { held } => {
                self.drop_frame(held);
                Ok(())
            }
            Op::Switch => {
                self.switch();
                Ok(())
            }
            Op::Close => {
                self.close();
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
}

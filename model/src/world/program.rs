//! The program's steps, on the real socket and on the oracle.

use xskit_core::socket::{OpenError, Step};
use xskit_core::{Errno, Socket};

use super::{Difference, World, agree};
use crate::config::{FRAME_BYTES, IFINDEX};
use crate::kernel::REFUSAL;
use crate::op::{Answer, OpenStep};
use crate::oracle::{Opened, Packet};

type Agreed = Result<(), Difference>;

impl World<'_> {
    pub(super) fn alloc(&mut self, len: u16) -> Agreed {
        let frame = self.umem.alloc();
        let should_be = self.oracle.alloc();
        agree(
            "frame out of the stash",
            frame.as_ref().map(|frame| frame.index()),
            should_be,
        )?;
        let Some(frame) = frame else { return Ok(()) };
        agree("range of a fresh frame", frame.range(), 0..0)?;
        self.held.push(frame);
        match len {
            0 => Ok(()),
            _ => self.write_to(self.held.len() - 1, 0, len),
        }
    }

    pub(super) fn write(&mut self, held: u8, start: u16, len: u16) -> Agreed {
        match self.oracle.held(held) {
            Some(held) => self.write_to(held, start, len),
            None => Ok(()),
        }
    }

    fn write_to(&mut self, held: usize, start: u16, len: u16) -> Agreed {
        let frame = &mut self.held[held];
        let range = usize::from(start)..usize::from(start) + usize::from(len);
        let is_set = frame.set_range(range.clone()).is_ok();
        let written = self.oracle.write(held, start, len);
        agree("range accepted", is_set, written.is_some())?;
        let Some(Packet { stamp, .. }) = written else {
            return Ok(());
        };
        let mut bytes = [0; FRAME_BYTES as usize];
        stamp.fill(&mut bytes);
        agree(
            "length of the whole frame",
            frame.buffer_mut().len(),
            bytes.len(),
        )?;
        frame.buffer_mut().fill(0);
        // The packet by its slice, what is around it by the whole buffer.
        frame.copy_from_slice(&bytes[range.clone()]);
        let buffer = frame.buffer_mut();
        buffer[..range.start].copy_from_slice(&bytes[..range.start]);
        buffer[range.end..].copy_from_slice(&bytes[range.end..]);
        Ok(())
    }

    pub(super) fn send(&mut self, number: u8) -> Agreed {
        match self.oracle.held(number) {
            Some(held) => self.send_held(held),
            None => Ok(()),
        }
    }

    fn send_held(&mut self, held: usize) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let frame = self.held.remove(held);
        let sent = match socket.send(frame) {
            Ok(()) => Ok(()),
            Err(refused) => {
                self.held.insert(held, refused.frame);
                Err(refused.kind)
            }
        };
        agree("send", sent, self.oracle.send(held))
    }

    pub(super) fn burst(&mut self, count: u8) -> Agreed {
        let held = self.held.len();
        for _ in 0..count {
            self.alloc(60)?;
            if self.held.len() > held {
                self.send_held(held)?;
            }
            if self.held.len() > held {
                // Full, or closed: the frame came back.
                drop(self.held.remove(held));
                self.oracle.drop_frame(held);
                break;
            }
        }
        Ok(())
    }

    pub(super) fn drop_frame(&mut self, number: u8) -> Agreed {
        if let Some(held) = self.oracle.held(number) {
            drop(self.held.remove(held));
            self.oracle.drop_frame(held);
        }
        Ok(())
    }

    pub(super) fn receive(&mut self, max: u8, take: u8, keep: bool) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let before = self.held.len();
        let (mut receiver, _) = socket.halves();
        self.held
            .extend(receiver.receive(max.into()).take(take.into()));
        let should_be: Vec<_> = (0..max.min(take))
            .map_while(|_| self.oracle.receive())
            .collect();
        let received = self.held[before..].iter().map(|frame| frame.index());
        agree("frames received", received.collect(), should_be)?;
        if !keep {
            // What is in them is looked at first.
            self.compare_held()?;
            for _ in before..self.held.len() {
                drop(self.held.remove(before));
                self.oracle.drop_frame(before);
            }
        }
        Ok(())
    }

    pub(super) fn refill(&mut self) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        agree(
            "frames lent",
            socket.halves().0.refill(),
            self.oracle.refill(),
        )
    }

    pub(super) fn reap(&mut self) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        agree(
            "frames reaped",
            socket.halves().1.reap(),
            self.oracle.reap(),
        )
    }

    pub(super) fn recycle(&mut self) -> Agreed {
        if let Some(socket) = self.socket.as_mut() {
            socket.recycle();
            self.oracle.reap();
            self.oracle.refill();
        }
        Ok(())
    }

    pub(super) fn room(&mut self, wanted: u8) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let wanted = u32::from(wanted);
        agree(
            "room",
            socket.halves().1.room(wanted),
            self.oracle.room().min(wanted),
        )
    }

    pub(super) fn waiting(&mut self) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let should_be = self.oracle.count(crate::oracle::Place::TxRing);
        agree("packets waiting", socket.halves().1.waiting(), should_be)
    }

    pub(super) fn flush(&mut self, answer: Answer, submits: bool) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        self.kernel.state().answer = answer;
        let asked = match submits {
            true => socket.flush().map(|()| None),
            false => socket.request().map(Some),
        };
        let should_be = self.oracle.flush(answer);
        let expected = match (should_be.asked, submits) {
            (None, _) => Err(Errno::EPERM),
            (Some(_), true) => Ok(None),
            (asked, false) => Ok(asked),
        };
        agree("flush", asked, expected)?;
        let mut kernel = self.kernel.state();
        agree("kicks", std::mem::take(&mut kernel.kicks), should_be.kicks)?;
        let is_submitted = submits && should_be.asked == Some(true);
        agree(
            "submissions",
            std::mem::take(&mut kernel.submits),
            is_submitted.into(),
        )
    }

    pub(super) fn accounting(&mut self) -> Agreed {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let accounting = socket.accounting();
        agree("accounting", accounting, self.oracle.accounting())?;
        agree("every frame is in one place", accounting.is_whole(), true)
    }

    pub(super) fn close(&mut self) -> Agreed {
        if self.socket.take().is_some() {
            self.oracle.close();
            self.scribble();
        }
        Ok(())
    }

    /// A kernel, or a device, that is slow to notice writes into what it was lent.
    fn scribble(&mut self) {
        for (frame, stamp) in self.oracle.kernel_scribbles() {
            self.umem.memory().write(frame, stamp);
        }
    }

    pub(super) fn open(&mut self, refused: Option<OpenStep>) -> Agreed {
        self.kernel.state().refused = refused;
        let opened = Socket::open(self.kernel, self.umem, &self.config.socket());
        self.kernel.state().refused = None;
        let should_be = self.oracle.open(refused);
        let refusal = |step, errno| OpenError {
            step,
            errno,
            ifindex: IFINDEX,
            queue: 0,
        };
        let socket = match (opened, should_be) {
            (Ok(socket), Opened::With(filled)) => {
                agree("frames lent at first", socket.obtained().filled, filled)?;
                agree(
                    "zero-copy",
                    socket.obtained().zero_copy,
                    self.config.zero_copy,
                )?;
                socket
            }
            (Err(error), Opened::Claimed) => {
                return agree("second socket", error, refusal(Step::Claim, Errno(0)));
            }
            (Err(error), Opened::Failed(step)) => {
                self.scribble();
                return agree("failed step", error, refusal(step_of(step), REFUSAL));
            }
            (opened, should_be) => {
                let opened = opened.map(|socket| socket.obtained());
                return agree("opened", format!("{opened:?}"), format!("{should_be:?}"));
            }
        };
        self.socket = Some(socket);
        self.registration()
    }

    /// What the kernel was told of the UMEM.
    fn registration(&self) -> Agreed {
        let kernel = self.kernel.state();
        let told = kernel.umem.unwrap_or_default();
        let address = self.umem.memory().address() as u64;
        let len = u64::from(self.config.frames) * u64::from(FRAME_BYTES);
        agree("UMEM registered", (told.addr, told.len), (address, len))?;
        agree("frame size registered", told.chunk_size, FRAME_BYTES)
    }
}

/// How the core names a step.
fn step_of(step: OpenStep) -> Step {
    match step {
        OpenStep::Create => Step::Create,
        OpenStep::Register => Step::Register,
        OpenStep::Size(ring) => Step::Size(ring),
        OpenStep::Offsets => Step::Offsets,
        OpenStep::Map(ring) => Step::Map(ring),
        OpenStep::Bind => Step::Bind {
            zero_copy_forced: false,
        },
        OpenStep::Confirm => Step::Confirm,
    }
}

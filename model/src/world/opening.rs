//! Opening and closing, on the real socket and on the oracle.

use std::num::NonZeroU32;

use xskit_core::socket::{OpenError, Step};
use xskit_core::{Errno, Socket, SocketConfig};

use super::World;
use crate::config::{FRAME_BYTES, IFINDEX};
use crate::difference::{Agreed, agree};
use crate::kernel::{Kernel, REFUSAL};
use crate::op::OpenStep;
use crate::oracle::Opened;

impl<'u> World<'u> {
    pub(super) fn close(&mut self) -> Agreed {
        if self.socket.take().is_some() {
            self.oracle.close();
            self.scribble();
        }
        Ok(())
    }

    /// Writes into the lent frames, as a kernel or a device does that is late to notice the close.
    fn scribble(&mut self) {
        for (frame, stamp) in self.oracle.kernel_scribbles() {
            self.umem.memory().write(frame, stamp);
        }
    }

    pub(super) fn open(&mut self, refused: Option<OpenStep>) -> Agreed {
        let (should_be, queue) = (self.oracle.open(refused), self.current());
        let refusal = |step, errno| (step, errno, IFINDEX, queue);
        let config = self.config.socket(queue);
        if self.socket.is_some() || self.other.is_some() {
            let alone = Socket::open(self.kernel, self.umem, &config);
            let opened = alone.map(|socket| socket.obtained()).map_err(told);
            let claimed = refusal(Step::Claim, Errno(0));
            agree(
                "a socket that does not share the UMEM",
                opened,
                Err(claimed),
            )?;
        }
        if self.socket.is_some() {
            return agree("opened again", Opened::Claimed, should_be);
        }
        self.kernel.state().refused = refused;
        let opened = self.open_socket(&config);
        self.kernel.state().refused = None;
        let socket = match (opened, should_be) {
            (Ok(socket), Opened::With(filled)) => {
                agree("frames lent at first", socket.obtained().filled, filled)?;
                agree(
                    "zero-copy",
                    socket.obtained().zero_copy,
                    self.config.zero_copy,
                )?;
                agree(
                    "packets a kick",
                    socket.obtained().kick_budget.map(NonZeroU32::get),
                    self.config.kick_budget(),
                )?;
                socket
            }
            (Err(error), Opened::UsedUp(retired)) => {
                let should_be = refusal(Step::Frames { retired }, Errno(0));
                return agree("used-up UMEM", told(error), should_be);
            }
            (Err(error), Opened::Failed(step)) => {
                self.scribble();
                if step == OpenStep::Bind {
                    let found = self.kernel.side().found_by_late_bind();
                    agree("free frames that a late bind finds", found, 0)?;
                }
                let step = step_of(step, self.other.is_some());
                return agree("failed step", told(error), refusal(step, REFUSAL));
            }
            (opened, should_be) => {
                let opened = opened.map(|socket| socket.obtained());
                return agree("opened", format!("{opened:?}"), format!("{should_be:?}"));
            }
        };
        self.socket = Some(socket);
        self.registration()
    }

    /// Opens a socket, over the UMEM of the other one if that is open.
    pub(crate) fn open_socket(
        &self,
        config: &SocketConfig,
    ) -> Result<Socket<'u, Kernel>, OpenError> {
        match &self.other {
            Some(other) => other.open_shared(config),
            None => Socket::open(self.kernel, self.umem, config),
        }
    }

    /// Compares the UMEM's registration.
    fn registration(&self) -> Agreed {
        let told = self.kernel.side().umem.unwrap_or_default();
        let address = self.umem.memory().address() as u64;
        let len = u64::from(self.config.frames) * u64::from(FRAME_BYTES);
        agree("UMEM registered", (told.addr, told.len), (address, len))?;
        agree("frame size registered", told.chunk_size, FRAME_BYTES)
    }
}

/// Every field of an error.
fn told(error: OpenError) -> (Step, Errno, u32, u32) {
    (error.step, error.errno, error.ifindex, error.queue)
}

/// The core's name for a step, with or without a shared UMEM.
fn step_of(step: OpenStep, is_shared: bool) -> Step {
    match step {
        OpenStep::Create => Step::Create,
        OpenStep::Register => Step::Register,
        OpenStep::Size(ring) => Step::Size(ring),
        OpenStep::Offsets => Step::Offsets,
        OpenStep::Map(ring) => Step::Map(ring),
        OpenStep::Bind | OpenStep::BoundElsewhere if is_shared => Step::BindShared,
        OpenStep::Bind | OpenStep::BoundElsewhere => Step::Bind {
            zero_copy_forced: false,
        },
        OpenStep::Confirm => Step::Confirm,
    }
}

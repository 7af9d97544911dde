//! The kernel behind the `Backend` trait.
#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::time::Duration;

use xskit_core::abi::{
    MmapOffsets, OPTIONS_ZEROCOPY, Options, SockaddrXdp, Statistics, bind_flags,
};
use xskit_core::backend::{Backend, Calls, Interest, Kick, RingKind, SetOption, Sleep};
use xskit_core::{Errno, abi};

use super::{AtWait, Kernel, KernelSocket, Ring, Side, State};
use crate::config::IFINDEX;
use crate::op::{Answer, OpenStep};

/// The errno of a refused step.
pub(crate) const REFUSAL: Errno = Errno::ENOMEM;

impl State {
    fn step(&mut self, step: OpenStep) -> Result<(), Errno> {
        match self.refused {
            Some(refused) if refused == step => Err(REFUSAL),
            _ => Ok(()),
        }
    }

    fn set_option(&mut self, at: usize, option: SetOption) -> Result<(), Errno> {
        match option {
            SetOption::UmemReg(reg) => {
                self.step(OpenStep::Register)?;
                self.sides[at].umem = Some(reg);
            }
            SetOption::RingSize(..) if self.sides[at].is_bound => return Err(Errno::EBUSY),
            SetOption::RingSize(kind, slots) => {
                self.step(OpenStep::Size(kind))?;
                let size = &mut self.sides[at].sizes[kind as usize];
                if size.is_some() {
                    return Err(Errno::EINVAL);
                }
                *size = Some(slots);
            }
            SetOption::TransmitBudget(budget) if self.raises_budget => {
                let most = self.sides[at].sizes[RingKind::Tx as usize].unwrap_or(0);
                if !(32..=most).contains(&budget) {
                    return Err(Errno::EACCES);
                }
            }
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    /// Binds a socket over a UMEM of its own, or over that of another.
    fn bind(&mut self, at: usize, address: &SockaddrXdp, with: Option<usize>) -> Result<(), Errno> {
        self.sides[at].is_bound = self.refused == Some(OpenStep::BoundElsewhere);
        self.step(OpenStep::BoundElsewhere)?;
        self.step(OpenStep::Bind)?;
        let own = self.sides[at].umem;
        let umem = match with.map(|with| &self.sides[with]) {
            // As the kernel, which then takes no other flag and no second UMEM.
            Some(_) if own.is_some() || address.flags != bind_flags::SHARED_UMEM => None,
            Some(with) => with.umem.filter(|_| with.is_bound),
            None => own,
        };
        let side = &mut self.sides[at];
        let is_whole = umem.is_some() && side.rings.iter().all(Option::is_some);
        let is_known = address.ifindex == IFINDEX && address.queue_id as usize == at;
        if !is_whole || !is_known || address.family != abi::AF_XDP {
            return Err(Errno::EINVAL);
        }
        (side.umem, side.is_bound) = (umem, true);
        Ok(())
    }

    fn kick(&mut self, at: usize, kick: Kick) -> Result<(), Errno> {
        self.sides[at].kicks.push(kick);
        match (kick, self.answer) {
            (Kick::Transmit { .. }, Answer::Fails) => return Err(Errno::EPERM),
            (Kick::Transmit { times }, Answer::Takes(count)) => {
                self.sides[at].take(u32::from(count) * times);
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the socket is ready after a wait.
    fn wait(&mut self, at: usize) -> bool {
        if self.sleep == Sleep::Never {
            return false;
        }
        let side = &mut self.sides[at];
        let producer = |kind| side.ring(kind).map_or(0, Ring::producer);
        self.waits.push(AtWait {
            shown: (producer(RingKind::Tx), producer(RingKind::Fill)),
            kicks: side.kicks.len(),
        });
        let is_kicked =
            self.sleep == Sleep::Kicks && side.ring(RingKind::Tx).is_some_and(Ring::needs_wakeup);
        if let (true, Answer::Takes(count)) = (is_kicked, self.answer) {
            side.take(count.into());
        }
        self.wakes_up
    }
}

// SAFETY: `map` returns memory of at least the asked-for length, kept until the next `open` in the
// socket's place, which is refused before `close`, and shared with `State` only, which uses
// atomics; `offsets` is how it is laid out. `bind_shared` takes the UMEM that the other socket is
// bound to. Nothing here writes to the UMEM.
unsafe impl Backend for Kernel {
    type Socket = KernelSocket;

    const IS_SIMULATED: bool = true;

    fn name(&self) -> &'static str {
        "model"
    }

    fn open(&self) -> Result<KernelSocket, Errno> {
        let mut state = self.state();
        state.step(OpenStep::Create)?;
        let at = state.current;
        if state.sides[at].is_open {
            return Err(Errno::EMFILE);
        }
        state.sides[at] = Side::open();
        Ok(KernelSocket { at })
    }

    fn set_option(&self, socket: &KernelSocket, option: SetOption) -> Result<(), Errno> {
        self.state().set_option(socket.at, option)
    }

    fn offsets(&self, _: &KernelSocket) -> Result<MmapOffsets, Errno> {
        self.state().step(OpenStep::Offsets)?;
        Ok(MmapOffsets {
            rx: Ring::OFFSETS,
            tx: Ring::OFFSETS,
            fr: Ring::OFFSETS,
            cr: Ring::OFFSETS,
        })
    }

    fn statistics(&self, _: &KernelSocket) -> Result<Statistics, Errno> {
        Ok(Statistics::default())
    }

    fn options(&self, _: &KernelSocket) -> Result<Options, Errno> {
        let mut state = self.state();
        state.step(OpenStep::Confirm)?;
        let flags = if state.is_zero_copy {
            OPTIONS_ZEROCOPY
        } else {
            0
        };
        Ok(Options { flags })
    }

    fn map(
        &self,
        socket: &KernelSocket,
        ring: RingKind,
        len_bytes: usize,
    ) -> Result<NonNull<u8>, Errno> {
        let mut state = self.state();
        state.step(OpenStep::Map(ring))?;
        let words = state.starts[ring as usize];
        state.sides[socket.at].map(ring, len_bytes, words)
    }

    unsafe fn unmap(&self, _base: NonNull<u8>, _len_bytes: usize) {
        // The memory stays until the next `open` in its place: the kernel still uses its end.
    }

    fn bind(&self, socket: &KernelSocket, address: &SockaddrXdp) -> Result<(), Errno> {
        self.state().bind(socket.at, address, None)
    }

    fn bind_shared(
        &self,
        socket: &KernelSocket,
        address: &SockaddrXdp,
        with: &KernelSocket,
    ) -> Result<(), Errno> {
        self.state().bind(socket.at, address, Some(with.at))
    }

    fn close(&self, socket: KernelSocket) {
        self.state().sides[socket.at].close();
    }

    fn kick(&self, socket: &KernelSocket, kick: Kick) -> Result<(), Errno> {
        self.state().kick(socket.at, kick)
    }

    fn submit(&self) -> Result<(), Errno> {
        self.state().submits += 1;
        Ok(())
    }

    fn wait(
        &self,
        interests: &[(&KernelSocket, Interest)],
        _: Option<Duration>,
    ) -> Result<usize, Errno> {
        let mut state = self.state();
        let ready = interests.iter().filter(|(socket, _)| state.wait(socket.at));
        Ok(ready.count())
    }

    fn sleep(&self) -> Sleep {
        self.state().sleep
    }

    fn calls(&self) -> Calls {
        // The model counts requests itself.
        Calls::default()
    }
}

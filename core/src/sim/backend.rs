//! The simulated kernel behind the `Backend` trait.
#![allow(unsafe_code)]

use std::cell::{RefCell, RefMut};
use std::ptr::NonNull;
use std::rc::Rc;
use std::time::Duration;

use super::kernel::Kernel;
use super::socket::OFFSETS;
use super::{Device, WireConfig};
use crate::abi::{MmapOffsets, OPTIONS_ZEROCOPY, Options, SockaddrXdp, Statistics};
use crate::backend::{Backend, Calls, Interest, Kick, RingKind, SetOption, Sleep};
use crate::errno::Errno;

/// A [`Backend`] whose kernel is simulated.
#[derive(Clone, Debug)]
pub struct SimBackend {
    kernel: Rc<RefCell<Kernel>>,
}

/// A socket of the simulated kernel.
#[derive(Debug)]
pub struct SimSocket {
    /// The kernel that the socket belongs to, whichever backend it is given to.
    kernel: Rc<RefCell<Kernel>>,
    id: usize,
}

impl SimSocket {
    /// SO_PREFER_BUSY_POLL, SO_BUSY_POLL and SO_BUSY_POLL_BUDGET, as they were set.
    #[must_use]
    pub fn busy_poll(&self) -> (bool, u32, u16) {
        let mut kernel = self.kernel.borrow_mut();
        kernel
            .socket(self.id)
            .map_or_else(|_| Default::default(), |socket| socket.busy_poll)
    }

    fn setup(&self) -> RefMut<'_, Kernel> {
        let mut kernel = self.kernel.borrow_mut();
        kernel.calls.setup += 1;
        kernel
    }
}

impl SimBackend {
    pub(super) fn new(kernel: Rc<RefCell<Kernel>>) -> Self {
        Self { kernel }
    }

    /// A backend whose interface 1 is this device, with one queue, in copy mode. There is no other
    /// interface.
    ///
    /// ```
    /// use std::time::Duration;
    /// use xskit_core::backend::Interest;
    /// use xskit_core::sim::{Device, HeapMemory, SimBackend};
    /// use xskit_core::umem::{FrameSize, FrameSlot, Umem};
    /// use xskit_core::{Errno, Socket, SocketConfig};
    ///
    /// /// Yields this many packets, and prints what is sent.
    /// struct Countdown(u8);
    ///
    /// impl Device for Countdown {
    ///     fn receive(&mut self) -> Option<Vec<u8>> {
    ///         self.0 = self.0.checked_sub(1)?;
    ///         Some(vec![self.0; 60])
    ///     }
    ///
    ///     fn send(&mut self, packet: &[u8]) -> Result<(), Errno> {
    ///         println!("{} bytes", packet.len());
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let backend = SimBackend::over_device(Countdown(100));
    /// let mut slots = vec![FrameSlot::new(); 64];
    /// let umem = Umem::new(HeapMemory::new(64 * 4096), &mut slots, FrameSize::DEFAULT)?;
    /// let mut socket = Socket::open(&backend, &umem, &SocketConfig::new(1, 0))?;
    /// let mut received = 0;
    /// while socket.wait(Interest::RECEIVE, Some(Duration::ZERO))? {
    ///     received += socket.receive(64).count();
    ///     socket.recycle();
    /// }
    /// assert_eq!(received, 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn over_device(device: impl Device + 'static) -> Self {
        let mut kernel = Kernel::new(WireConfig::perfect(), 0);
        kernel.device = Some(Box::new(device));
        Self::new(Rc::new(RefCell::new(kernel)))
    }
}

// SAFETY: `map` returns memory that lives until `close`, which the core calls after `unmap`; the
// offsets are those of its layout; after `close` nothing here touches the UMEM.
unsafe impl Backend for SimBackend {
    type Socket = SimSocket;

    const IS_SIMULATED: bool = true;

    fn name(&self) -> &'static str {
        "sim"
    }

    fn open(&self) -> Result<SimSocket, Errno> {
        let mut kernel = self.kernel.borrow_mut();
        kernel.calls.setup += 1;
        let id = kernel.open();
        drop(kernel);
        Ok(SimSocket {
            kernel: Rc::clone(&self.kernel),
            id,
        })
    }

    fn set_option(&self, socket: &SimSocket, option: SetOption) -> Result<(), Errno> {
        let mut kernel = socket.setup();
        if let Some((name, errno)) = kernel.refused
            && name == option.name()
        {
            return Err(errno);
        }
        let socket = kernel.socket(socket.id)?;
        match option {
            SetOption::UmemReg(reg) if !reg.addr.is_multiple_of(4096) || reg.len == 0 => {
                Err(Errno::EINVAL)
            }
            SetOption::UmemReg(_) if socket.umem.is_some() => Err(Errno::EBUSY),
            SetOption::UmemReg(reg) => {
                socket.umem = Some(reg);
                Ok(())
            }
            SetOption::RingSize(ring, slots) => socket.set_size(ring, slots),
            SetOption::TransmitBudget(budget) => socket.set_transmit_budget(budget),
            SetOption::PreferBusyPoll(on) => {
                socket.busy_poll.0 = on;
                Ok(())
            }
            SetOption::BusyPoll { us } if i32::try_from(us).is_err() => Err(Errno::EINVAL),
            SetOption::BusyPoll { us } => {
                socket.busy_poll.1 = us;
                Ok(())
            }
            SetOption::BusyPollBudget(packets) => {
                socket.busy_poll.2 = packets;
                Ok(())
            }
        }
    }

    fn offsets(&self, socket: &SimSocket) -> Result<MmapOffsets, Errno> {
        socket.setup();
        Ok(OFFSETS)
    }

    fn statistics(&self, socket: &SimSocket) -> Result<Statistics, Errno> {
        Ok(socket.setup().socket(socket.id)?.statistics)
    }

    fn options(&self, socket: &SimSocket) -> Result<Options, Errno> {
        let is_zero_copy = socket.setup().zero_copy_driver(socket.id).is_some();
        Ok(Options {
            flags: if is_zero_copy { OPTIONS_ZEROCOPY } else { 0 },
        })
    }

    fn map(
        &self,
        socket: &SimSocket,
        ring: RingKind,
        len_bytes: usize,
    ) -> Result<NonNull<u8>, Errno> {
        socket.setup().socket(socket.id)?.map(ring, len_bytes)
    }

    unsafe fn unmap(&self, _base: NonNull<u8>, _len_bytes: usize) {
        // The memory goes with the socket, since the kernel's end of the ring is still there.
        self.kernel.borrow_mut().calls.setup += 1;
    }

    fn bind(&self, socket: &SimSocket, address: &SockaddrXdp) -> Result<(), Errno> {
        socket.setup().bind(socket.id, address)
    }

    fn bind_shared(
        &self,
        socket: &SimSocket,
        address: &SockaddrXdp,
        with: &SimSocket,
    ) -> Result<(), Errno> {
        if !Rc::ptr_eq(&socket.kernel, &with.kernel) {
            return Err(Errno::EBADF);
        }
        socket.setup().bind_shared(socket.id, address, with.id)
    }

    fn close(&self, socket: SimSocket) {
        socket.setup().close(socket.id);
    }

    fn kick(&self, socket: &SimSocket, kick: Kick) -> Result<(), Errno> {
        let mut kernel = socket.kernel.borrow_mut();
        let times = match kick {
            Kick::Transmit { times } => times,
            Kick::Receive => 1,
        };
        for _ in 0..times {
            let answer = if kick == Kick::Receive {
                kernel.calls.wakes += 1;
                kernel.wake_fill(socket.id)
            } else {
                kernel.calls.kicks += 1;
                kernel.kick(socket.id)
            };
            match answer {
                Ok(()) => break,
                Err(Errno::EAGAIN) => kernel.calls.count_transient(Errno::EAGAIN),
                Err(errno) if errno.is_transient() => {
                    kernel.calls.count_transient(errno);
                    break;
                }
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    fn submit(&self) -> Result<(), Errno> {
        Ok(())
    }

    fn wait(
        &self,
        interests: &[(&SimSocket, Interest)],
        _timeout: Option<Duration>,
    ) -> Result<usize, Errno> {
        let mut kernel = self.kernel.borrow_mut();
        kernel.calls.waits += 1;
        drop(kernel);
        for (socket, _) in interests {
            // Waiting sends and wakes too. Errors of these are not the wait's.
            let mut kernel = socket.kernel.borrow_mut();
            let _ = kernel.kick(socket.id);
            let _ = kernel.wake_fill(socket.id);
        }
        self.kernel.borrow_mut().pass_time();
        let mut ready = 0;
        for (socket, interest) in interests {
            let mut kernel = socket.kernel.borrow_mut();
            let socket = kernel.socket(socket.id)?;
            let received = interest.receive && socket.has_received();
            ready += usize::from(received || interest.transmit && socket.is_writable());
        }
        Ok(ready)
    }

    fn sleep(&self) -> Sleep {
        Sleep::Kicks
    }

    fn calls(&self) -> Calls {
        self.kernel.borrow().calls
    }
}

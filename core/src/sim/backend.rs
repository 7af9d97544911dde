//! The simulated kernel behind the `Backend` trait.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ptr::NonNull;
use std::rc::Rc;
use std::time::Duration;

use super::kernel::Kernel;
use super::socket::OFFSETS;
use crate::abi::{MmapOffsets, Options, SockaddrXdp, Statistics};
use crate::backend::{Backend, Calls, Interest, Kick, RingKind, SetOption};
use crate::errno::Errno;

/// A [`Backend`] whose kernel is simulated.
#[derive(Clone, Debug)]
pub struct SimBackend {
    kernel: Rc<RefCell<Kernel>>,
}

/// A socket of the simulated kernel.
#[derive(Debug)]
pub struct SimSocket(usize);

impl SimBackend {
    pub(super) fn new(kernel: Rc<RefCell<Kernel>>) -> Self {
        Self { kernel }
    }

    fn setup(&self) -> std::cell::RefMut<'_, Kernel> {
        let mut kernel = self.kernel.borrow_mut();
        kernel.calls.setup += 1;
        kernel
    }
}

// SAFETY: `map` returns memory that lives until `close`, which the core calls after `unmap`; the
// offsets are those it is laid out with; after `close` nothing of this code touches the UMEM.
unsafe impl Backend for SimBackend {
    type Socket = SimSocket;

    fn name(&self) -> &'static str {
        "sim"
    }

    fn open(&self) -> Result<SimSocket, Errno> {
        Ok(SimSocket(self.setup().open()))
    }

    fn set_option(&self, socket: &SimSocket, option: SetOption) -> Result<(), Errno> {
        let mut kernel = self.setup();
        let socket = kernel.socket(socket.0)?;
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
        }
    }

    fn offsets(&self, _socket: &SimSocket) -> Result<MmapOffsets, Errno> {
        self.setup();
        Ok(OFFSETS)
    }

    fn statistics(&self, socket: &SimSocket) -> Result<Statistics, Errno> {
        Ok(self.setup().socket(socket.0)?.statistics)
    }

    fn options(&self, _socket: &SimSocket) -> Result<Options, Errno> {
        self.setup();
        Ok(Options::default())
    }

    fn map(
        &self,
        socket: &SimSocket,
        ring: RingKind,
        len_bytes: usize,
    ) -> Result<NonNull<u8>, Errno> {
        self.setup().socket(socket.0)?.map(ring, len_bytes)
    }

    unsafe fn unmap(&self, _base: NonNull<u8>, _len_bytes: usize) {
        // The memory goes with the socket, since the kernel's end of the ring is still there.
        self.setup();
    }

    fn bind(&self, socket: &SimSocket, address: &SockaddrXdp) -> Result<(), Errno> {
        self.setup().bind(socket.0, address)
    }

    fn close(&self, socket: SimSocket) {
        self.setup().close(socket.0);
    }

    fn kick(&self, socket: &SimSocket, kick: Kick) -> Result<(), Errno> {
        let mut kernel = self.kernel.borrow_mut();
        let Kick::Transmit { times } = kick else {
            kernel.calls.wakes += 1;
            return Ok(());
        };
        for _ in 0..times {
            kernel.calls.kicks += 1;
            match kernel.transmit(socket.0) {
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
        kernel.pass_time();
        let mut ready = 0;
        for (socket, interest) in interests {
            let received = interest.receive && kernel.socket(socket.0)?.has_received();
            ready += usize::from(received || interest.transmit);
        }
        Ok(ready)
    }

    fn calls(&self) -> Calls {
        self.kernel.borrow().calls
    }
}

//! The `Backend` trait over the ring and the direct calls.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::time::Duration;

use xskit_core::Errno;
use xskit_core::abi::{MmapOffsets, Options, SockaddrXdp, Statistics};
use xskit_core::backend::{Backend, Calls, Interest, Kick, RingKind, SetOption, Sleep};
use xskit_rustix::{DescriptorError, RustixBackend, Waker};

use crate::config::{UringConfig, Wait};
use crate::error::UringError;
use crate::probe;
use crate::route::{Route, SetupReport};
use crate::socket::UringSocket;
use crate::traffic::Traffic;

/// A backend that submits to an io_uring. One per thread: unless [`UringConfig::any_thread`] is
/// set, only the thread that created it may use it, and the kernel refuses others.
///
/// A kick goes on the submission queue; `submit` hands over all of them by one system call.
///
/// ```no_run
/// use xskit_core::umem::{FrameSize, FrameSlot, Umem};
/// use xskit_core::{Socket, SocketConfig};
/// use xskit_uring::{MmapMemory, UringBackend, UringConfig};
///
/// let mut slots = vec![FrameSlot::new(); 4096];
/// let umem = Umem::new(MmapMemory::allocate(4096 * 4096, false)?, &mut slots, FrameSize::DEFAULT)?;
/// let backend = UringBackend::new(UringConfig::default())?;
/// let mut socket = Socket::open(&backend, &umem, &SocketConfig::new(2, 0))?;
/// println!("{} packets", socket.receive(64).count());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct UringBackend {
    traffic: RefCell<Traffic>,
    report: Cell<SetupReport>,
    wait: Wait,
    is_of_one_thread: PhantomData<*mut ()>,
}

impl UringBackend {
    /// `io_uring_setup(2)`: creates the ring, and tries it out.
    ///
    /// # Errors
    /// [`UringError`], each variant with what to use instead: [`Entries`](UringError::Entries) for
    /// a queue of no possible size; [`Disabled`](UringError::Disabled),
    /// [`Filtered`](UringError::Filtered), [`Refused`](UringError::Refused) and
    /// [`Absent`](UringError::Absent) if io_uring can't be used; [`TooOld`](UringError::TooOld) and
    /// [`Napi`](UringError::Napi) if it lacks what `config` asks for;
    /// [`Memory`](UringError::Memory) and [`Descriptors`](UringError::Descriptors) if a limit is
    /// reached; [`Call`](UringError::Call) for any other failure.
    pub fn new(config: UringConfig) -> Result<Self, UringError> {
        let ring = probe::ring(&config)?;
        let report = Cell::new(probe::routes(&ring));
        let direct = RustixBackend::with_wait(match config.wait {
            Wait::Busy => xskit_rustix::RustixWait::Busy,
            _ => xskit_rustix::RustixWait::Block,
        });
        Ok(Self {
            traffic: RefCell::new(Traffic::new(ring, direct)),
            report,
            wait: config.wait,
            is_of_one_thread: PhantomData,
        })
    }

    /// Returns the waker, which ends this backend's waits from another thread. The first call
    /// creates it (`eventfd(2)`); from then on each wait polls it as well.
    ///
    /// # Errors
    /// The errno of `eventfd(2)`: EMFILE or ENFILE if no descriptor is left, ENOMEM.
    pub fn waker(&self) -> Result<Waker, Errno> {
        self.traffic.borrow().direct.waker()
    }

    /// Which way each part of the set-up has taken so far, and takes next.
    #[must_use]
    pub fn setup_report(&self) -> SetupReport {
        self.report.get()
    }

    /// Takes a socket that another process created, as
    /// [`create_descriptor`](xskit_rustix::create_descriptor) does, for
    /// [`Socket::open_from`](xskit_core::Socket::open_from). Sets its close-on-exec flag.
    ///
    /// Neither this nor opening it needs a capability.
    ///
    /// # Errors
    /// As of [`RustixBackend::adopt`]. The descriptor is then closed.
    pub fn adopt(&self, descriptor: OwnedFd) -> Result<UringSocket, DescriptorError> {
        let mut traffic = self.traffic.borrow_mut();
        let descriptor = traffic.direct.adopt(descriptor)?;
        Ok(traffic.accounts.adopt(descriptor))
    }

    /// Does a part of the set-up, and keeps what it learns of the route.
    fn by_route<T>(
        &self,
        route: impl Fn(&mut SetupReport) -> &mut Route,
        part: impl FnOnce(&mut Traffic, &mut Route) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let mut report = self.report.get();
        let result = part(&mut self.traffic.borrow_mut(), route(&mut report));
        self.report.set(report);
        result
    }
}

// SAFETY: each method is the one system call it is documented as, or the submission of the same, on
// a descriptor that the socket owns; what is mapped, unmapped and read back is passed on to and
// from `RustixBackend`, which keeps to this contract; `close` ends what the ring has armed for a
// socket before its descriptor is closed, or leaves the socket open if the kernel does not say that
// it ended. Either way the kernel writes to memory that it has pinned itself, and to no other.
unsafe impl Backend for UringBackend {
    type Socket = UringSocket;

    fn name(&self) -> &'static str {
        "uring"
    }

    fn open(&self) -> Result<UringSocket, Errno> {
        let fd = self.by_route(|report| &mut report.socket, Traffic::open)?;
        Ok(self.traffic.borrow_mut().accounts.adopt(fd))
    }

    fn set_option(&self, socket: &UringSocket, option: SetOption) -> Result<(), Errno> {
        self.by_route(
            |report| &mut report.options,
            |traffic, route| traffic.set_option(route, socket, option),
        )
    }

    fn offsets(&self, socket: &UringSocket) -> Result<MmapOffsets, Errno> {
        let traffic = self.traffic.borrow();
        traffic.direct.offsets(traffic.accounts.own(socket)?)
    }

    fn statistics(&self, socket: &UringSocket) -> Result<Statistics, Errno> {
        let traffic = self.traffic.borrow();
        traffic.direct.statistics(traffic.accounts.own(socket)?)
    }

    fn options(&self, socket: &UringSocket) -> Result<Options, Errno> {
        let traffic = self.traffic.borrow();
        traffic.direct.options(traffic.accounts.own(socket)?)
    }

    fn map(
        &self,
        socket: &UringSocket,
        ring: RingKind,
        len_bytes: usize,
    ) -> Result<NonNull<u8>, Errno> {
        let traffic = self.traffic.borrow();
        let fd = traffic.accounts.own(socket)?;
        traffic.direct.map(fd, ring, len_bytes)
    }

    unsafe fn unmap(&self, base: NonNull<u8>, len_bytes: usize) {
        let traffic = self.traffic.borrow();
        // SAFETY: by the caller's promise this is one mapping of `map`, which `direct` made.
        unsafe { traffic.direct.unmap(base, len_bytes) }
    }

    fn bind(&self, socket: &UringSocket, address: &SockaddrXdp) -> Result<(), Errno> {
        self.by_route(
            |report| &mut report.bind,
            |traffic, route| traffic.bind(route, socket, address, None),
        )
    }

    fn bind_shared(
        &self,
        socket: &UringSocket,
        address: &SockaddrXdp,
        with: &UringSocket,
    ) -> Result<(), Errno> {
        self.by_route(
            |report| &mut report.bind,
            |traffic, route| traffic.bind(route, socket, address, Some(with)),
        )
    }

    fn close(&self, socket: UringSocket) {
        let mut traffic = self.traffic.borrow_mut();
        // Another backend's socket stays open, as does one that doesn't come to rest: an entry on a
        // queue may name it.
        if traffic.accounts.own(&socket).is_ok() && traffic.retire(socket.number) {
            let fd = ManuallyDrop::into_inner(socket.fd);
            traffic.direct.close(fd);
        }
    }

    #[inline]
    fn kick(&self, socket: &UringSocket, kick: Kick) -> Result<(), Errno> {
        self.traffic.borrow_mut().kick(socket, kick)
    }

    #[inline]
    fn submit(&self) -> Result<(), Errno> {
        self.traffic.borrow_mut().submit()
    }

    fn wait(
        &self,
        interests: &[(&UringSocket, Interest)],
        timeout: Option<Duration>,
    ) -> Result<usize, Errno> {
        let mut traffic = self.traffic.borrow_mut();
        match self.wait {
            Wait::Block => traffic.wait_directly(interests, timeout, true),
            Wait::Busy => traffic.wait_directly(interests, timeout, false),
            Wait::Multishot => traffic.wait(interests, timeout, true),
            Wait::Poll | Wait::Napi => traffic.wait(interests, timeout, false),
        }
    }

    fn sleep(&self) -> Sleep {
        match self.wait {
            Wait::Block => Sleep::Kicks,
            Wait::Busy => Sleep::Never,
            Wait::Poll | Wait::Multishot | Wait::Napi => Sleep::Silent,
        }
    }

    fn calls(&self) -> Calls {
        self.traffic.borrow().direct.calls()
    }
}

impl Drop for UringBackend {
    fn drop(&mut self) {
        // A leaked socket's poll is still armed, and would hold the socket's queue until the kernel
        // tears the ring down.
        self.traffic.get_mut().retire_all();
    }
}

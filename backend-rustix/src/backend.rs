//! The `Backend` trait, one system call per method.
#![allow(unsafe_code)]

use std::cell::{Cell, OnceCell};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::net::xdp::{SocketAddrXdp, SocketAddrXdpFlags, SocketAddrXdpWithSharedUmem};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
    sockopt,
};
use xskit_core::Errno;
use xskit_core::abi::{MmapOffsets, Options, SockaddrXdp, Statistics, bind_flags};
use xskit_core::backend::{Backend, Calls, Interest, Kick, RingKind, SetOption, Sleep};

use crate::option;
use crate::release::until_released;
use crate::waker::Waker;

/// Looks that don't wait between two checks that the interfaces are still there.
const LOOKS_PER_CHECK: u16 = u16::MAX;
/// Waits, ended by some of the sockets, between two checks of the others' errors.
const WAITS_PER_CHECK: u16 = 1024;

/// How [`RustixBackend`] waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RustixWait {
    /// `ppoll(2)` on the sockets: the thread sleeps until a packet comes.
    #[default]
    Block,
    /// Never: a wait returns at once, without a system call, so that the program looks at its rings
    /// again. With busy polling its flushes drive the device meanwhile
    /// ([`BusyPoll`](xskit_core::socket::BusyPoll)). Every 65,536th look asks whether the interface
    /// is still there.
    Busy,
}

/// A backend of direct, non-blocking system calls. One per thread.
///
/// A kick is a system call at once; `submit` does nothing.
///
/// ```no_run
/// use xskit_core::umem::{FrameSize, FrameSlot, Umem};
/// use xskit_core::{Socket, SocketConfig};
/// use xskit_rustix::{MmapMemory, RustixBackend};
///
/// let mut slots = vec![FrameSlot::new(); 4096];
/// let umem = Umem::new(MmapMemory::allocate(4096 * 4096, false)?, &mut slots, FrameSize::DEFAULT)?;
/// let backend = RustixBackend::new();
/// let mut socket = Socket::open(&backend, &umem, &SocketConfig::new(2, 0))?;
/// println!("{} packets", socket.receive(64).count());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct RustixBackend {
    calls: Cell<Calls>,
    wait: RustixWait,
    looks: Cell<u16>,
    /// Waits since all sockets were asked for their errors.
    unasked: Cell<u16>,
    waker: OnceCell<Waker>,
}

impl RustixBackend {
    /// A backend that waits by `ppoll(2)`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A backend that waits in this way.
    #[must_use]
    pub fn with_wait(wait: RustixWait) -> Self {
        Self {
            wait,
            ..Self::default()
        }
    }

    /// Returns the waker, which ends this backend's waits from another thread. The first call
    /// creates it (`eventfd(2)`); from then on each wait polls it as well.
    ///
    /// # Errors
    /// The errno of `eventfd(2)`: EMFILE or ENFILE if no descriptor is left, ENOMEM.
    pub fn waker(&self) -> Result<Waker, Errno> {
        if let Some(waker) = self.waker.get() {
            return Ok(waker.clone());
        }
        let waker = self.setup(Waker::new())?;
        Ok(self.waker.get_or_init(|| waker).clone())
    }

    /// The descriptor of the waker, if there is one: for a backend built upon this one that waits
    /// by other means.
    #[must_use]
    pub fn waker_fd(&self) -> Option<BorrowedFd<'_>> {
        self.waker.get().map(AsFd::as_fd)
    }

    /// Whether the waker was called since the last call of this. Counted as a wait.
    pub fn take_wake(&self) -> bool {
        self.waker.get().is_some_and(|waker| {
            self.count(|calls| calls.waits += 1);
            waker.take()
        })
    }

    /// Counts the calls of a backend built upon this one, so that one account has all of them.
    pub fn count(&self, count: impl FnOnce(&mut Calls)) {
        let mut calls = self.calls.get();
        count(&mut calls);
        self.calls.set(calls);
    }

    /// `getsockopt(SO_ERROR)`: returns the socket's pending error, and clears it. Counted as a
    /// wait, which is what calls it.
    ///
    /// # Errors
    /// The pending error: ENETDOWN if the socket's interface is gone; or the call's own.
    pub fn socket_error(&self, socket: impl AsFd) -> Result<(), Errno> {
        self.count(|calls| calls.waits += 1);
        sockopt::socket_error(socket).map_err(errno)?.map_err(errno)
    }

    /// A wait that returns at once, and checks now and then that the interfaces are still there.
    fn look(&self, interests: &[(&OwnedFd, Interest)]) -> Result<usize, Errno> {
        self.looks.set(self.looks.get().wrapping_add(1));
        if self.looks.get() == LOOKS_PER_CHECK {
            for (socket, _) in interests {
                self.socket_error(socket)?;
            }
        }
        Ok(0)
    }

    /// `ppoll(2)`, then the errors of the sockets that report one; of all sockets if none reports
    /// anything, and now and then. The waker, if there is one, is the last of `fds`.
    fn poll(&self, fds: &mut [PollFd<'_>], timeout: Option<Duration>) -> Result<usize, Errno> {
        self.count(|calls| calls.waits += 1);
        // A timeout too long for the kernel is none.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(fds, timeout.as_ref()).map_err(errno) {
            Err(Errno::EINTR) => return Ok(0),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        let (fds, waker) = fds.split_at(fds.len() - usize::from(self.waker.get().is_some()));
        let is_woken = waker.iter().any(|waker| !waker.revents().is_empty()) && self.take_wake();
        let ready = fds.iter().filter(|fd| !fd.revents().is_empty()).count();
        if is_woken && ready == 0 {
            return Ok(0);
        }
        // poll(2) doesn't report that an AF_XDP socket's interface was removed; SO_ERROR does
        // (ENETDOWN). So it is read if no socket is ready, and after many waits that other sockets
        // ended.
        self.unasked.set(self.unasked.get() + 1);
        let asks_all = ready == 0 || self.unasked.get() >= WAITS_PER_CHECK;
        if asks_all {
            self.unasked.set(0);
        }
        let errors = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        for fd in fds
            .iter()
            .filter(|fd| asks_all || fd.revents().intersects(errors))
        {
            self.socket_error(fd)?;
        }
        Ok(ready)
    }

    /// Counts a call of the set-up and translates its error.
    pub(crate) fn setup<T>(&self, result: rustix::io::Result<T>) -> Result<T, Errno> {
        self.count(|calls| calls.setup += 1);
        result.map_err(errno)
    }

    /// Sends until the kernel has taken everything, in at most `times` calls.
    fn transmit(&self, socket: &OwnedFd, times: u32) -> Result<(), Errno> {
        for _ in 0..times {
            self.count(|calls| calls.kicks += 1);
            match send(socket, &[], SendFlags::DONTWAIT).map_err(errno) {
                Ok(_) => return Ok(()),
                Err(Errno::EAGAIN) => self.count(|calls| calls.count_transient(Errno::EAGAIN)),
                Err(error) => return self.tolerate(error),
            }
        }
        Ok(())
    }

    /// Counts a transient error; returns any other.
    fn tolerate(&self, error: Errno) -> Result<(), Errno> {
        if !error.is_transient() {
            return Err(error);
        }
        self.count(|calls| calls.count_transient(error));
        Ok(())
    }
}

/// `socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)`: a socket of the calling thread's
/// network namespace, to hand to a process without capabilities. Linux 4.18.
///
/// # Errors
/// The errno of `socket(2)`: EPERM without CAP_NET_RAW, EAFNOSUPPORT without CONFIG_XDP_SOCKETS,
/// EMFILE or ENFILE if no descriptor is left.
pub fn create_descriptor() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::XDP, SocketType::RAW, flags, None).map_err(errno)
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno(error.raw_os_error())
}

// SAFETY: each method is the one system call it is documented as, on a descriptor that the socket
// owns; `map` passes on what `mmap(2)` returned for the length asked for, and nothing else in this
// crate unmaps it; after the last close the kernel keeps to memory that it has pinned itself.
unsafe impl Backend for RustixBackend {
    type Socket = OwnedFd;

    fn name(&self) -> &'static str {
        "rustix"
    }

    fn open(&self) -> Result<OwnedFd, Errno> {
        self.count(|calls| calls.setup += 1);
        create_descriptor()
    }

    fn set_option(&self, socket: &OwnedFd, option: SetOption) -> Result<(), Errno> {
        self.setup(option::set(socket, option))
    }

    fn offsets(&self, socket: &OwnedFd) -> Result<MmapOffsets, Errno> {
        self.setup(option::offsets(socket))
    }

    fn statistics(&self, socket: &OwnedFd) -> Result<Statistics, Errno> {
        self.setup(option::statistics(socket))
    }

    fn options(&self, socket: &OwnedFd) -> Result<Options, Errno> {
        self.setup(option::options(socket))
    }

    fn map(
        &self,
        socket: &OwnedFd,
        ring: RingKind,
        len_bytes: usize,
    ) -> Result<NonNull<u8>, Errno> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: a new mapping, placed by the kernel, replaces nothing.
        let mapped = unsafe {
            mmap(
                ptr::null_mut(),
                len_bytes,
                protection,
                flags,
                socket,
                ring.pgoff(),
            )
        };
        NonNull::new(self.setup(mapped)?.cast()).ok_or(Errno::ENOMEM)
    }

    unsafe fn unmap(&self, base: NonNull<u8>, len_bytes: usize) {
        // SAFETY: by the caller's promise this is one whole mapping of `map`, with no reference
        // into it left. An error would leave it mapped, which is sound.
        let _ = self.setup(unsafe { munmap(base.as_ptr().cast(), len_bytes) });
    }

    fn bind(&self, socket: &OwnedFd, address: &SockaddrXdp) -> Result<(), Errno> {
        if address.flags & bind_flags::SHARED_UMEM != 0 {
            return Err(Errno::EINVAL);
        }
        let address = xdp_address(address);
        until_released(|| self.setup(bind(socket, &address)))
    }

    fn bind_shared(
        &self,
        socket: &OwnedFd,
        address: &SockaddrXdp,
        with: &OwnedFd,
    ) -> Result<(), Errno> {
        if address.flags & bind_flags::SHARED_UMEM == 0 {
            return Err(Errno::EINVAL);
        }
        let address = SocketAddrXdpWithSharedUmem {
            addr: xdp_address(address),
            shared_umem_fd: with.as_fd(),
        };
        until_released(|| self.setup(bind(socket, &address)))
    }

    fn close(&self, socket: OwnedFd) {
        self.count(|calls| calls.setup += 1);
        drop(socket);
    }

    fn kick(&self, socket: &OwnedFd, kick: Kick) -> Result<(), Errno> {
        match kick {
            Kick::Transmit { times } => self.transmit(socket, times),
            Kick::Receive => {
                self.count(|calls| calls.wakes += 1);
                let nothing: &mut [u8] = &mut [];
                match recv(socket, nothing, RecvFlags::DONTWAIT) {
                    Ok(_) => Ok(()),
                    Err(error) => self.tolerate(errno(error)),
                }
            }
        }
    }

    fn submit(&self) -> Result<(), Errno> {
        Ok(())
    }

    fn wait(
        &self,
        interests: &[(&OwnedFd, Interest)],
        timeout: Option<Duration>,
    ) -> Result<usize, Errno> {
        let waker = self
            .waker_fd()
            .map(|waker| PollFd::from_borrowed_fd(waker, PollFlags::IN));
        match (interests, waker) {
            _ if self.wait == RustixWait::Busy => self.look(interests),
            ([one], None) => self.poll(&mut [poll_fd(one)], timeout),
            ([one], Some(waker)) => self.poll(&mut [poll_fd(one), waker], timeout),
            (several, waker) => {
                let mut fds: Vec<_> = several.iter().map(poll_fd).chain(waker).collect();
                self.poll(&mut fds, timeout)
            }
        }
    }

    fn sleep(&self) -> Sleep {
        match self.wait {
            RustixWait::Block => Sleep::Kicks,
            RustixWait::Busy => Sleep::Never,
        }
    }

    fn calls(&self) -> Calls {
        self.calls.get()
    }
}

fn xdp_address(address: &SockaddrXdp) -> SocketAddrXdp {
    let flags = SocketAddrXdpFlags::from_bits_retain(address.flags);
    SocketAddrXdp::new(flags, address.ifindex, address.queue_id)
}

fn poll_fd<'a>(&(socket, interest): &(&'a OwnedFd, Interest)) -> PollFd<'a> {
    let mut events = PollFlags::empty();
    events.set(PollFlags::IN, interest.receive);
    events.set(PollFlags::OUT, interest.transmit);
    PollFd::from_borrowed_fd(socket.as_fd(), events)
}

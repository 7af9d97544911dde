//! Two simulated interfaces and the wire between them.

use std::cell::RefCell;
use std::rc::Rc;

use super::kernel::Kernel;
use super::{SimBackend, SimDriver, WireConfig};
use crate::errno::Errno;

/// Two interfaces, index 1 and 2, with one queue each, joined by a wire.
///
/// ```
/// # use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
/// # use xskit_core::umem::{FrameSize, FrameSlot, Umem};
/// # use xskit_core::{Socket, SocketConfig};
/// # let network = SimNetwork::new(WireConfig::perfect(), 1);
/// # let mut slots = vec![FrameSlot::new(); 64];
/// # let umem = Umem::new(HeapMemory::new(64 * 4096), &mut slots, FrameSize::DEFAULT)?;
/// # let backend = network.backend();
/// use xskit_core::Errno;
///
/// network.refuse("XDP_UMEM_REG", Errno::ENOBUFS); // as a kernel with a low limit of locked memory
/// let refused = Socket::open(&backend, &umem, &SocketConfig::new(1, 0));
/// assert_eq!(refused.map(|_| ()).map_err(|error| error.errno), Err(Errno::ENOBUFS));
/// assert_eq!(network.open_sockets(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SimNetwork {
    kernel: Rc<RefCell<Kernel>>,
}

impl SimNetwork {
    /// A network whose losses, duplicates and reorderings all follow from `seed`.
    #[must_use]
    pub fn new(wire: WireConfig, seed: u64) -> Self {
        Self {
            kernel: Rc::new(RefCell::new(Kernel::new(wire, seed))),
        }
    }

    /// A backend for sockets on this network.
    #[must_use]
    pub fn backend(&self) -> SimBackend {
        SimBackend::new(Rc::clone(&self.kernel))
    }

    /// Gives the interfaces a driver with zero-copy mode.
    pub fn offer_zero_copy(&self, driver: SimDriver) {
        self.kernel.borrow_mut().driver = Some(driver);
    }

    /// Sets whether an XDP program is attached to the interfaces. Initially one is.
    pub fn attach_program(&self, is_attached: bool) {
        self.kernel.borrow_mut().has_program = is_attached;
    }

    /// From now on calls that send or wake only return this error; with `None` they work again.
    pub fn fail_kicks(&self, errno: Option<Errno>) {
        self.kernel.borrow_mut().kick_error = errno;
    }

    /// Sets or clears the fill ring's NEED_WAKEUP of every socket, as a driver does that looks at
    /// the ring before, or after, the program fills it.
    pub fn ask_for_frames(&self, is_asking: bool) {
        self.kernel.borrow().ask_for_frames(is_asking);
    }

    /// Runs the scheduled work of zero-copy drivers, and delivers all packets on the wire.
    pub fn pass_time(&self) {
        self.kernel.borrow_mut().pass_time();
    }

    /// From now on this option, named as in the kernel's headers, is refused with this error.
    pub fn refuse(&self, option: &'static str, errno: Errno) {
        self.kernel.borrow_mut().refused = Some((option, errno));
    }

    /// Sets whether the devices' queues are full, so that nothing can be sent in copy mode.
    pub fn stall(&self, is_stalled: bool) {
        self.kernel.borrow_mut().room = is_stalled.then_some(0);
    }

    /// Lets full device queues send this many packets, which makes room for as many.
    pub fn drain(&self, packets: u32) {
        let mut kernel = self.kernel.borrow_mut();
        kernel.room = kernel.room.map(|room| room + packets);
    }

    /// How many sockets are open.
    #[must_use]
    pub fn open_sockets(&self) -> usize {
        self.kernel.borrow().open_sockets()
    }
}

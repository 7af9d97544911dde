//! Two simulated interfaces and the wire between them.

use std::cell::RefCell;
use std::rc::Rc;

use super::kernel::Kernel;
use super::{SimBackend, WireConfig};
use crate::errno::Errno;

/// Two interfaces, index 1 and 2, with one queue each, joined by a wire.
#[derive(Clone, Debug)]
pub struct SimNetwork {
    kernel: Rc<RefCell<Kernel>>,
}

impl SimNetwork {
    /// A network whose accidents all follow from `seed`.
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

    /// Delivers everything that is under way on the wire.
    pub fn pass_time(&self) {
        self.kernel.borrow_mut().pass_time();
    }

    /// From now on an option is refused: named as in the kernel's headers, and with what.
    pub fn refuse(&self, option: &'static str, errno: Errno) {
        self.kernel.borrow_mut().refused = Some((option, errno));
    }

    /// From now on the devices' queues are full, so that nothing can be sent, or no longer.
    pub fn stall(&self, is_stalled: bool) {
        self.kernel.borrow_mut().is_stalled = is_stalled;
    }

    /// How many sockets are open.
    #[must_use]
    pub fn open_sockets(&self) -> usize {
        self.kernel.borrow().open_sockets()
    }
}

//! Two simulated interfaces and the wire between them.

use std::cell::RefCell;
use std::rc::Rc;

use super::kernel::Kernel;
use super::{SimBackend, WireConfig};

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

    /// How many sockets are open.
    #[must_use]
    pub fn open_sockets(&self) -> usize {
        self.kernel.borrow().open_sockets()
    }
}

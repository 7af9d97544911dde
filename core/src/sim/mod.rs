//! A simulated kernel, to run everything above the system calls without privilege.
//!
//! [`SimNetwork`] is two interfaces (index 1 and 2) joined by a wire that may lose, reorder and
//! duplicate packets, all from a seed. [`SimBackend`] is its [`Backend`](crate::Backend): it drives
//! the other end of all four rings, in copy mode, as `net/xdp/xsk.c` does: 32 descriptors per kick
//! unless the socket has another budget, EAGAIN when more are left or the completion ring is full,
//! 256 bytes of headroom before a received packet, NEED_WAKEUP always set for TX and never for
//! fill, and `bind(2)` failing as the kernel's does. With [`SimNetwork::offer_zero_copy`] the
//! interfaces have a driver with zero-copy mode, whose kicks only schedule work.
//! [`SimNetwork::refuse`] makes it an older kernel, or one that grants less, and
//! [`SimNetwork::stall`] fills the devices' queues. [`SimBackend::over_device`] replaces the
//! network with a custom [`Device`].

mod backend;
mod device;
mod driver;
mod kernel;
mod memory;
mod network;
mod rng;
mod socket;
mod wire;

pub use backend::{SimBackend, SimSocket};
pub use device::Device;
pub use driver::SimDriver;
pub use memory::HeapMemory;
pub use network::SimNetwork;
pub use rng::Rng;
pub use wire::WireConfig;

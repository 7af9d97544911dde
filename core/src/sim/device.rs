//! A custom device below the simulated kernel.

use crate::errno::Errno;

/// The source and the sink of packets, instead of an interface: a file, a tunnel, a test.
///
/// [`Backend`](crate::Backend) is unsafe to implement, since it vouches for memory that a kernel
/// writes to. A device sees only packets: rings and frames are the simulated kernel's
/// ([`SimBackend::over_device`](super::SimBackend::over_device)). So a device is a custom backend
/// in safe code. Each packet is copied once on its way.
///
/// The backend's methods call both methods, which must not call the backend in turn.
pub trait Device {
    /// The next packet that came in, if there is one.
    ///
    /// A wait of the socket calls this for as long as it returns packets and the socket has a frame
    /// on its fill ring and a free slot on its RX ring. Without those, packets stay with the
    /// device, and none is lost. A packet that is longer than a frame holds is dropped and counted.
    fn receive(&mut self) -> Option<Vec<u8>>;

    /// Sends a packet: one at a time, in the order of the TX ring.
    ///
    /// # Errors
    /// The kick that sends the packet returns the error; a wait that sends it does not report it.
    /// The packet counts as sent.
    fn send(&mut self, packet: &[u8]) -> Result<(), Errno>;
}

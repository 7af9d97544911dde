//! A device of one's own below the simulated kernel.

use crate::errno::Errno;

/// What packets come from and go to, in the place of an interface: a file, a tunnel, a test.
///
/// [`Backend`](crate::Backend) is unsafe to implement, since it vouches for memory that a kernel writes to. A device
/// sees packets alone: rings and frames are the simulated kernel's
/// ([`SimBackend::over_device`](super::SimBackend::over_device)), so it is a backend of one's own in safe code. Each
/// packet is copied once on its way.
///
/// Both methods are called from within the backend's, which they must not call in turn.
pub trait Device {
    /// The next packet that came in, if there is one.
    ///
    /// It is asked for one whenever a socket waits, for as long as it has some and the socket has a frame on its fill
    /// ring and a slot of its RX ring: where they are short packets stay with the device, and none is lost for it. What
    /// is longer than a frame holds is dropped and counted.
    fn receive(&mut self) -> Option<Vec<u8>>;

    /// Sends a packet: one at a time, in the order of the TX ring.
    ///
    /// # Errors
    /// What the kick that sends it is to return; a wait that sends it does not report errors. The packet counts as sent.
    fn send(&mut self, packet: &[u8]) -> Result<(), Errno>;
}

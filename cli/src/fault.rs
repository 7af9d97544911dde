//! Why a socket that worked no longer does: the interface, its driver, the call, what the errno
//! means, and what to try.

use anyhow::anyhow;
use xskit::af_xdp::Errno;
use xskit::quic::driver::DriverError;

use crate::nic::Nic;

impl Nic {
    /// A kick that failed for good.
    pub(crate) fn kick_failed(&self, errno: Errno) -> anyhow::Error {
        self.socket_failed(DriverError::Kick(errno))
    }

    /// A wait that failed.
    pub(crate) fn wait_failed(&self, errno: Errno) -> anyhow::Error {
        self.socket_failed(DriverError::Wait(errno))
    }

    /// Either of them.
    pub(crate) fn socket_failed(&self, error: DriverError) -> anyhow::Error {
        let option = match error.errno() {
            Errno::EINVAL | Errno::ENXIO | Errno::EOPNOTSUPP => " (--zero-copy refuse)",
            _ => "",
        };
        anyhow!("{self}: {error}{option}")
    }
}

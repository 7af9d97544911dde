//! Why a socket that worked no longer does: the interface, its driver, the call, what the errno
//! means, and what to try.

use anyhow::anyhow;
use xskit::af_xdp::Errno;
use xskit::net::Link;
use xskit::quic::driver::DriverError;

use crate::nic::Nic;

impl Nic {
    /// A kick that failed for good.
    pub(crate) fn kick_failed(&self, errno: Errno) -> anyhow::Error {
        self.socket_failed(DriverError::Kick(errno))
    }

    /// A wait for sockets on all of these that failed: of the one that is gone or down, if one is.
    pub(crate) fn wait_failed(nics: &[Self], errno: Errno) -> anyhow::Error {
        let is_well = |nic: &&Self| {
            Link::by_index(nic.link.index)
                .is_ok_and(|link| link.name == nic.link.name && link.is_up)
        };
        let nic = nics.iter().find(|nic| !is_well(nic)).or(nics.first());
        let error = DriverError::Wait(errno);
        nic.map_or_else(|| anyhow!("{error}"), |nic| nic.socket_failed(error))
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

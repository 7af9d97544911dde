//! Why a driver refused a program in native mode, and what to try.

use std::fmt;
use std::io;

use rustix::io::Errno;

/// A driver's refusal of a program in native mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeRefusal {
    /// The interface's name, for the commands that may help.
    interface: String,
    errno: Errno,
}

impl NativeRefusal {
    pub(crate) fn new(interface: String, errno: Errno) -> Self {
        Self { interface, errno }
    }

    /// The driver's errno as an [`io::Error`].
    #[must_use]
    pub fn error(&self) -> io::Error {
        self.errno.into()
    }

    /// What the errno means. Drivers choose freely; these are the common choices.
    fn meaning(&self) -> String {
        let interface = &self.interface;
        match self.errno {
            Errno::OPNOTSUPP => format!(
                "the driver has no native XDP, or none with the present offloads; try `ethtool -K {interface} lro off`"
            ),
            Errno::RANGE | Errno::INVAL | Errno::TOOBIG | Errno::MSGSIZE => format!(
                "most often the MTU is too large for one buffer (of a veth: its peer's MTU); \
                 try `ip link set dev {interface} mtu 1500`"
            ),
            Errno::NOMEM | Errno::NOSPC | Errno::BUSY => format!(
                "most often the device has too few free queues; \
                 try fewer channels with `ethtool -L {interface} combined N`"
            ),
            _ => "the driver's log (`dmesg`) may say why".to_owned(),
        }
    }
}

impl fmt::Display for NativeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error(), self.meaning())
    }
}

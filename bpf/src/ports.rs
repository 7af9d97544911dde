//! Ports of UDP or TCP.

use std::ops::{RangeFull, RangeInclusive};

/// A range of ports: one (`443`), several (`8000..=8999`), or all (`..`).
///
/// ```
/// use xskit_bpf::Ports;
///
/// let (web, media, all): (Ports, Ports, Ports) = (443.into(), (16384..=32767).into(), (..).into());
/// assert_eq!(all, Ports::from(0..=65535));
/// # assert!(web < media);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ports {
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl Ports {
    pub(crate) const ALL: Self = Self {
        first: 0,
        last: u16::MAX,
    };

    /// The port, if there is only one.
    pub(crate) fn single(self) -> Option<u16> {
        (self.first == self.last).then_some(self.first)
    }

    pub(crate) fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// The indices of the ports in a slice of all ports.
    pub(crate) fn indices(self) -> RangeInclusive<usize> {
        self.first.into()..=self.last.into()
    }
}

impl From<u16> for Ports {
    fn from(port: u16) -> Self {
        (port..=port).into()
    }
}

impl From<RangeInclusive<u16>> for Ports {
    fn from(range: RangeInclusive<u16>) -> Self {
        let (first, last) = range.into_inner();
        Self { first, last }
    }
}

impl From<RangeFull> for Ports {
    fn from(_: RangeFull) -> Self {
        Self::ALL
    }
}

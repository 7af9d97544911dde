//! A simulated interface's driver in zero-copy mode.

use crate::errno::Errno;

/// A driver with zero-copy mode. A kick only schedules its work, which runs when time passes
/// ([`SimNetwork::pass_time`](super::SimNetwork::pass_time), or a wait); until then NEED_WAKEUP and
/// the ring's words stay as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimDriver {
    /// Frames that the device's receive queue holds.
    pub queue: usize,
    /// Packets that it sends, or receives, in a round (NAPI_POLL_WEIGHT).
    pub weight: usize,
    /// Whether the fill ring's NEED_WAKEUP is set at all times, rather than only while the device's
    /// queue is short of frames.
    pub always_asks: bool,
    /// The error of a kick while no XDP program is attached, if the driver needs one.
    pub without_program: Option<Errno>,
}

impl SimDriver {
    /// igb: a kick raises an interrupt, and fails with EINVAL without a program.
    pub const IGB: Self = Self {
        queue: 256,
        weight: 64,
        always_asks: false,
        without_program: Some(Errno::EINVAL),
    };

    /// virtio_net: the fill ring's flag is always set.
    pub const VIRTIO_NET: Self = Self {
        queue: 256,
        weight: 64,
        always_asks: true,
        without_program: None,
    };
}

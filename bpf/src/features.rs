//! What a device offers for XDP, as its driver reports it.

use crate::interface::Interface;
use crate::{Error, sys};

// enum netdev_xdp_act in linux/netdev.h.
const ACT_BASIC: u64 = 1 << 0;
const ACT_REDIRECT: u64 = 1 << 1;
const ACT_XSK_ZEROCOPY: u64 = 1 << 3;
const ACT_RX_SG: u64 = 1 << 5;

/// The XDP features that a device's driver reports.
///
/// They are those of the present configuration: some drivers add features when a setting changes,
/// such as veth with GRO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceFeatures {
    /// Programs run in the driver (`NETDEV_XDP_ACT_BASIC`). Without it, only generic mode works.
    pub native: bool,
    /// Native programs can redirect, and so reach AF_XDP sockets (`NETDEV_XDP_ACT_REDIRECT`).
    pub redirect: bool,
    /// AF_XDP sockets can be bound in zero-copy mode (`NETDEV_XDP_ACT_XSK_ZEROCOPY`).
    pub zero_copy: bool,
    /// Native programs can get packets that span several buffers (`NETDEV_XDP_ACT_RX_SG`).
    pub multi_buffer: bool,
    /// The most buffers that a packet may span in zero-copy mode; 0 without
    /// [`zero_copy`](Self::zero_copy) or before Linux 6.6.
    pub zero_copy_segments: u32,
}

/// Queries the XDP features of `ifindex`, an interface in the calling thread's network namespace.
/// Linux 6.3.
///
/// `None` before Linux 6.3: the kernel has no such record, which says nothing about the device.
/// Needs no privilege.
///
/// Reference: Documentation/netlink/specs/netdev.yaml, command dev-get.
///
/// ```no_run
/// match xskit_bpf::device_features(2)? {
///     Some(features) if features.zero_copy => println!("zero-copy"),
///     Some(features) if features.native => println!("copy mode, native"),
///     Some(_) => println!("generic mode only"),
///     None => println!("Linux before 6.3: attach, and see"),
/// }
/// # Ok::<(), xskit_bpf::Error>(())
/// ```
///
/// # Errors
/// [`Error::NoInterface`] if no interface has this index; [`Error::FindInterface`] if it can't be
/// looked up; [`Error::Query`] if netlink fails.
pub fn device_features(ifindex: u32) -> Result<Option<DeviceFeatures>, Error> {
    sys::route_messages();
    let interface = Interface::find(ifindex)?;
    let (_, offered) = sys::query_xdp(ifindex).map_err(|errno| Error::Query {
        interface: interface.to_string(),
        source: errno.into(),
    })?;
    Ok(offered.map(|offered| DeviceFeatures {
        native: offered.flags & ACT_BASIC != 0,
        redirect: offered.flags & ACT_REDIRECT != 0,
        zero_copy: offered.flags & ACT_XSK_ZEROCOPY != 0,
        multi_buffer: offered.flags & ACT_RX_SG != 0,
        zero_copy_segments: offered.zero_copy_segments,
    }))
}

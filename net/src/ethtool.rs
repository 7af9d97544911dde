//! How many queues of a device are active, by ioctl (`SIOCETHTOOL`, `ETHTOOL_GCHANNELS` and
//! `ETHTOOL_SCHANNELS`, Linux 3.0).
//!
//! The ioctl rather than ethtool's generic netlink: it needs no privilege, no second protocol
//! family, and every driver that answers the one answers the other. References: linux/ethtool.h,
//! netdevice(7).
#![allow(unsafe_code)]

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};
use static_assertions::const_assert_eq;

use crate::error::{Error, Result};

/// linux/sockios.h
const SIOCETHTOOL: rustix::ioctl::Opcode = 0x8946;
/// linux/ethtool.h
const ETHTOOL_GCHANNELS: u32 = 0x3c;
/// linux/ethtool.h
const ETHTOOL_SCHANNELS: u32 = 0x3d;

/// `struct ethtool_channels` of linux/ethtool.h. A combined channel is a receive and a send queue.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Channels {
    command: u32,
    pub(crate) max_rx: u32,
    pub(crate) max_tx: u32,
    max_other: u32,
    pub(crate) max_combined: u32,
    pub(crate) rx: u32,
    pub(crate) tx: u32,
    other: u32,
    pub(crate) combined: u32,
}
const_assert_eq!(size_of::<Channels>(), 36);

/// The channels of the interface `name`; `None` where its driver cannot say (EOPNOTSUPP).
pub(crate) fn channels(name: &str) -> Result<Option<Channels>> {
    let mut channels = Channels {
        command: ETHTOOL_GCHANNELS,
        ..Channels::default()
    };
    match request(name, &mut channels) {
        Ok(()) => Ok(Some(channels)),
        Err(Errno::OPNOTSUPP) => Ok(None),
        Err(errno) => Err(Error::Call {
            call: "ioctl(SIOCETHTOOL, ETHTOOL_GCHANNELS)",
            purpose: format!("count the active queues of {name}"),
            errno,
        }),
    }
}

/// Activates so many combined channels of `name`, unless as many are active. Some drivers reset the
/// device, and the link is down for seconds. Needs CAP_NET_ADMIN.
pub(crate) fn set_combined(name: &str, combined: u32) -> Result<()> {
    let Some(active) = channels(name)? else {
        return Ok(());
    };
    if active.combined == combined {
        return Ok(());
    }
    let mut wanted = Channels {
        command: ETHTOOL_SCHANNELS,
        combined,
        ..active
    };
    let purpose = format!("activate {combined} combined queues of {name}");
    request(name, &mut wanted).map_err(|errno| {
        let call = "ioctl(SIOCETHTOOL, ETHTOOL_SCHANNELS)";
        Error::call(call, "CAP_NET_ADMIN", &purpose, errno)
    })
}

/// Hands `channels` to the driver of `name`, which reads or writes it as its command says.
fn request(name: &str, channels: &mut Channels) -> std::result::Result<(), Errno> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    let mut request = libc::ifreq {
        ifr_name: interface_name(name).ok_or(Errno::NODEV)?,
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_data: (&raw mut *channels).cast(),
        },
    };
    // SAFETY: SIOCETHTOOL reads and writes one `struct ifreq`, which `request` is (bounds,
    // alignment), and the Updater borrows it mutably for the whole call. Both commands that
    // `channels` can hold then read one `struct ethtool_channels` behind `ifru_data`, and
    // ETHTOOL_GCHANNELS writes one there: `channels` is that struct, asserted above to be of its
    // size, aligned as Rust lays it out; it is borrowed mutably for longer than the call.
    unsafe {
        let updater = rustix::ioctl::Updater::<SIOCETHTOOL, libc::ifreq>::new(&mut request);
        rustix::ioctl::ioctl(&socket, updater)
    }
}

/// The name as the kernel's `char[IFNAMSIZ]` with its closing zero; `None` where it does not fit.
fn interface_name(name: &str) -> Option<[libc::c_char; libc::IFNAMSIZ]> {
    let mut field = [0; libc::IFNAMSIZ];
    if name.len() >= field.len() {
        return None;
    }
    for (to, from) in field.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed() as libc::c_char;
    }
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_interface_and_a_name_too_long_are_errors() {
        for name in ["xsk-none", "a-name-of-sixteen"] {
            assert_eq!(channels(name).unwrap_err().errno(), Some(Errno::NODEV));
        }
    }

    #[test]
    fn a_driver_without_channels_is_no_error() {
        assert!(channels("lo").unwrap().is_none());
    }
}

//! Requests to a device's driver, by `ioctl(SIOCETHTOOL)`: the active queues (`ETHTOOL_GCHANNELS`,
//! `ETHTOOL_SCHANNELS`, Linux 3.0), and its name (`ETHTOOL_GDRVINFO`).
//!
//! The ioctl rather than ethtool's generic netlink: queries need no privilege and no second
//! protocol family, and every driver that answers one answers the other. References:
//! linux/ethtool.h, netdevice(7).
#![allow(unsafe_code)]

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};
use static_assertions::const_assert_eq;

use crate::error::{Error, Result};

/// linux/sockios.h
const SIOCETHTOOL: rustix::ioctl::Opcode = 0x8946;
/// linux/ethtool.h
const ETHTOOL_GDRVINFO: u32 = 0x03;
const ETHTOOL_GCHANNELS: u32 = 0x3c;
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

/// `struct ethtool_drvinfo` of linux/ethtool.h. Texts end at the first zero byte.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct DriverInfo {
    command: u32,
    driver: [u8; 32],
    /// Versions, the bus address, and counts of statistics and the like.
    _others: [u32; 40],
}
const_assert_eq!(size_of::<DriverInfo>(), 196);

/// A structure of linux/ethtool.h that begins with the command that it is for.
///
/// # Safety
/// For every command that a value can hold, the kernel reads and writes no more than this
/// structure, of which every bit pattern is a value.
unsafe trait Request {}

// SAFETY: ETHTOOL_GCHANNELS has the kernel write one `struct ethtool_channels`, and
// ETHTOOL_SCHANNELS read one; it has integers only. No other command is written in this file.
unsafe impl Request for Channels {}

// SAFETY: ETHTOOL_GDRVINFO has the kernel write one `struct ethtool_drvinfo`; integers only.
unsafe impl Request for DriverInfo {}

/// The channels of the interface `name`; `None` if its driver can't report them (EOPNOTSUPP).
pub(crate) fn channels(name: &str) -> Result<Option<Channels>> {
    let question = Channels {
        command: ETHTOOL_GCHANNELS,
        ..Channels::default()
    };
    let call = "ioctl(SIOCETHTOOL, ETHTOOL_GCHANNELS)";
    ask(name, question, call, "count the active queues")
}

/// Activates this many combined channels of `name`, unless as many are active.
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
    hand_over(name, &mut wanted).map_err(|errno| {
        let call = "ioctl(SIOCETHTOOL, ETHTOOL_SCHANNELS)";
        Error::call(call, "CAP_NET_ADMIN", &purpose, errno)
    })
}

/// The name of the driver of the interface `name`; `None` if it has no driver.
pub(crate) fn driver(name: &str) -> Result<Option<String>> {
    let question = DriverInfo {
        command: ETHTOOL_GDRVINFO,
        driver: [0; 32],
        _others: [0; 40],
    };
    let call = "ioctl(SIOCETHTOOL, ETHTOOL_GDRVINFO)";
    let text = ask(name, question, call, "find the driver")?.map(|info| {
        let bytes = info.driver.split(|byte| *byte == 0).next();
        String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
    });
    Ok(text.filter(|text| !text.is_empty()))
}

/// The question with its answer; `None` if the driver has none.
fn ask<R: Request>(
    name: &str,
    mut question: R,
    call: &'static str,
    purpose: &str,
) -> Result<Option<R>> {
    match hand_over(name, &mut question) {
        Ok(()) => Ok(Some(question)),
        Err(Errno::OPNOTSUPP) => Ok(None),
        Err(errno) => Err(Error::Call {
            call,
            purpose: format!("{purpose} of {name}"),
            errno,
        }),
    }
}

/// `ioctl(SIOCETHTOOL)`: the driver of `name` reads or writes `data`, as its command says.
fn hand_over<R: Request>(name: &str, data: &mut R) -> std::result::Result<(), Errno> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    let mut request = libc::ifreq {
        ifr_name: interface_name(name).ok_or(Errno::NODEV)?,
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_data: (&raw mut *data).cast(),
        },
    };
    // SAFETY: SIOCETHTOOL reads and writes one `struct ifreq`, which `request` is (bounds,
    // alignment), and the Updater borrows it mutably for the whole call. The kernel then reads the
    // command word behind `ifru_data`, and reads or writes the structure of that command there:
    // `data` is that structure, by the promise of `Request`, of the kernel's size (asserted above),
    // aligned as Rust lays it out, and borrowed mutably for longer than the call.
    unsafe {
        let updater = rustix::ioctl::Updater::<SIOCETHTOOL, libc::ifreq>::new(&mut request);
        rustix::ioctl::ioctl(&socket, updater)
    }
}

/// The name as the kernel's `char[IFNAMSIZ]` with its closing zero; `None` if it doesn't fit.
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
            assert_eq!(driver(name).unwrap_err().errno(), Some(Errno::NODEV));
        }
    }

    #[test]
    fn an_interface_without_channels_or_driver_is_no_error() {
        assert!(channels("lo").unwrap().is_none());
        assert_eq!(driver("lo"), Ok(None));
    }
}

//! Two questions by ioctl (`SIOCETHTOOL`): how many queues of a device are active
//! (`ETHTOOL_GCHANNELS`, Linux 3.0), and which driver it has (`ETHTOOL_GDRVINFO`).
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
const ETHTOOL_GDRVINFO: u32 = 0x03;
const ETHTOOL_GCHANNELS: u32 = 0x3c;

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

/// `struct ethtool_drvinfo` of linux/ethtool.h. Texts end at their first zero.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct DriverInfo {
    command: u32,
    driver: [u8; 32],
    /// Versions, the bus address, and how many statistics and the like there are.
    _others: [u32; 40],
}
const_assert_eq!(size_of::<DriverInfo>(), 196);

/// A structure of linux/ethtool.h that begins with the command that it is for.
///
/// # Safety
/// `COMMAND` must be the one that has the kernel write no more than this structure.
unsafe trait Question: Sized {
    const COMMAND: u32;
    /// The command, for messages.
    const CALL: &'static str;
    /// The question, with the command in its first word.
    fn new() -> Self;
}

// SAFETY: ETHTOOL_GCHANNELS has the kernel write one `struct ethtool_channels`.
unsafe impl Question for Channels {
    const COMMAND: u32 = ETHTOOL_GCHANNELS;
    const CALL: &'static str = "ioctl(SIOCETHTOOL, ETHTOOL_GCHANNELS)";

    fn new() -> Self {
        Self {
            command: Self::COMMAND,
            ..Self::default()
        }
    }
}

// SAFETY: ETHTOOL_GDRVINFO has the kernel write one `struct ethtool_drvinfo`.
unsafe impl Question for DriverInfo {
    const COMMAND: u32 = ETHTOOL_GDRVINFO;
    const CALL: &'static str = "ioctl(SIOCETHTOOL, ETHTOOL_GDRVINFO)";

    fn new() -> Self {
        Self {
            command: Self::COMMAND,
            driver: [0; 32],
            _others: [0; 40],
        }
    }
}

/// The channels of the interface `name`; `None` where its driver cannot say (EOPNOTSUPP).
pub(crate) fn channels(name: &str) -> Result<Option<Channels>> {
    ask(name, "count the active queues")
}

/// The name of the driver of the interface `name`; `None` where there is none to speak of.
pub(crate) fn driver(name: &str) -> Result<Option<String>> {
    let info: Option<DriverInfo> = ask(name, "find the driver")?;
    let text = info.map(|info| {
        let bytes = info.driver.split(|byte| *byte == 0).next();
        String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
    });
    Ok(text.filter(|text| !text.is_empty()))
}

fn ask<Q: Question>(name: &str, purpose: &str) -> Result<Option<Q>> {
    let failed = |errno| Error::Call {
        call: Q::CALL,
        purpose: format!("{purpose} of {name}"),
        errno,
    };
    let socket =
        rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None).map_err(failed)?;
    let mut question = Q::new();
    let mut request = libc::ifreq {
        ifr_name: interface_name(name).ok_or_else(|| failed(Errno::NODEV))?,
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_data: (&raw mut question).cast(),
        },
    };
    // SAFETY: SIOCETHTOOL reads and writes one `struct ifreq`, which `request` is (bounds,
    // alignment), and the Updater borrows it mutably for the whole call. The kernel then reads the
    // command word behind `ifru_data` and writes the structure of that command there: `question` is
    // that structure, by the promise of `Question`, of the kernel's size (asserted above), and aligned
    // as Rust lays it out; it outlives the call, and nothing else refers to it until the call is over.
    // Every bit pattern is a value of it: it has integers only.
    let asked = unsafe {
        let updater = rustix::ioctl::Updater::<SIOCETHTOOL, libc::ifreq>::new(&mut request);
        rustix::ioctl::ioctl(&socket, updater)
    };
    match asked {
        Ok(()) => Ok(Some(question)),
        Err(Errno::OPNOTSUPP) => Ok(None),
        Err(errno) => Err(failed(errno)),
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
            assert_eq!(driver(name).unwrap_err().errno(), Some(Errno::NODEV));
        }
    }

    #[test]
    fn an_interface_without_channels_or_driver_is_no_error() {
        assert!(channels("lo").unwrap().is_none());
        assert_eq!(driver("lo"), Ok(None));
    }

    #[test]
    fn a_veth_names_its_driver() {
        if !crate::privilege::require_net_admin("a_veth_names_its_driver") {
            return;
        }
        let pair = crate::HostPair::new(crate::HostPairConfig::default()).unwrap();
        let name = pair.first.run(|| driver("xsk0")).unwrap();
        assert_eq!(name, Ok(Some("veth".to_owned())));
    }
}

//! A socket's options, by `setsockopt(2)` and `getsockopt(2)`.
//!
//! References: linux/if_xdp.h; net/xdp/xsk.c, `xsk_setsockopt` and `xsk_getsockopt`; socket(7).
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, OwnedFd};

use rustix::io::{Errno, Result};
use rustix::net::sockopt;
use rustix::net::xdp::{XdpRingOffset, XdpUmemReg, XdpUmemRegFlags};
use xskit_core::abi::{self, MmapOffsets, Options, RingOffset, Statistics, UmemReg};
use xskit_core::backend::{RingKind, SetOption};

/// `setsockopt(2)`.
pub(crate) fn set(socket: &OwnedFd, option: SetOption) -> Result<()> {
    let of_socket = |name, value| set_number(socket, libc::SOL_SOCKET, name, value);
    match option {
        SetOption::UmemReg(reg) => sockopt::set_xdp_umem_reg(socket, umem_reg(&reg)),
        SetOption::RingSize(RingKind::Fill, slots) => {
            sockopt::set_xdp_umem_fill_ring_size(socket, slots)
        }
        SetOption::RingSize(RingKind::Completion, slots) => {
            sockopt::set_xdp_umem_completion_ring_size(socket, slots)
        }
        SetOption::RingSize(RingKind::Rx, slots) => sockopt::set_xdp_rx_ring_size(socket, slots),
        SetOption::RingSize(RingKind::Tx, slots) => sockopt::set_xdp_tx_ring_size(socket, slots),
        SetOption::TransmitBudget(descriptors) => {
            let name = abi::sockopt::MAX_TX_SKB_BUDGET;
            set_number(socket, abi::SOL_XDP, name, descriptors)
        }
        SetOption::PreferBusyPoll(on) => of_socket(libc::SO_PREFER_BUSY_POLL, u32::from(on)),
        SetOption::BusyPoll { us } => of_socket(libc::SO_BUSY_POLL, us),
        SetOption::BusyPollBudget(packets) => {
            of_socket(libc::SO_BUSY_POLL_BUDGET, u32::from(packets))
        }
    }
}

/// `getsockopt(XDP_MMAP_OFFSETS)`.
///
/// # Errors
/// ENOPROTOOPT before Linux 5.4, which has no flags words, and so no NEED_WAKEUP; what the call
/// returned.
pub(crate) fn offsets(socket: &OwnedFd) -> Result<MmapOffsets> {
    let offsets = sockopt::xdp_mmap_offsets(socket)?;
    Ok(MmapOffsets {
        rx: ring_offset(&offsets.rx)?,
        tx: ring_offset(&offsets.tx)?,
        fr: ring_offset(&offsets.fr)?,
        cr: ring_offset(&offsets.cr)?,
    })
}

/// `getsockopt(XDP_STATISTICS)`. Before Linux 5.9 the last three are zero.
pub(crate) fn statistics(socket: &OwnedFd) -> Result<Statistics> {
    let counted = sockopt::xdp_statistics(socket)?;
    Ok(Statistics {
        rx_dropped: counted.rx_dropped,
        rx_invalid_descs: counted.rx_invalid_descs,
        tx_invalid_descs: counted.tx_invalid_descs,
        rx_ring_full: counted.rx_ring_full.unwrap_or_default(),
        rx_fill_ring_empty_descs: counted.rx_fill_ring_empty_descs.unwrap_or_default(),
        tx_ring_empty_descs: counted.tx_ring_empty_descs.unwrap_or_default(),
    })
}

/// `getsockopt(XDP_OPTIONS)`. Linux 5.3.
pub(crate) fn options(socket: &OwnedFd) -> Result<Options> {
    let flags = sockopt::xdp_options(socket)?.bits();
    Ok(Options { flags })
}

/// `setsockopt(2)` of an option that is one `int`, and that rustix has no call for.
fn set_number(socket: &OwnedFd, level: i32, name: i32, value: u32) -> Result<()> {
    let (value, len_bytes) = (&raw const value, size_of::<u32>() as libc::socklen_t);
    // SAFETY: the kernel reads `len_bytes` bytes at `value`, an aligned local that outlives the
    // call and that nothing writes meanwhile.
    let failed =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value.cast(), len_bytes) };
    if failed == 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
}

fn umem_reg(reg: &UmemReg) -> XdpUmemReg {
    XdpUmemReg {
        addr: reg.addr,
        len: reg.len,
        chunk_size: reg.chunk_size,
        headroom: reg.headroom,
        flags: XdpUmemRegFlags::from_bits_retain(reg.flags),
        tx_metadata_len: reg.tx_metadata_len,
    }
}

fn ring_offset(offset: &XdpRingOffset) -> Result<RingOffset> {
    let flags = offset.flags.ok_or(Errno::NOPROTOOPT)?;
    Ok(RingOffset {
        producer: offset.producer,
        consumer: offset.consumer,
        desc: offset.desc,
        flags,
    })
}

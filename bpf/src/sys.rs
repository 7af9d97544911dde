//! The calls of libbpf that libbpf-rs doesn't wrap, or not with the flags needed here; and its
//! messages. The only hand-written `unsafe`.

#![allow(unsafe_code)]

use std::ffi::{CString, c_int};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Once;

use libbpf_rs::libbpf_sys::{
    BPF_NOEXIST, BPF_XDP, bpf_link_create, bpf_link_create_opts, bpf_link_detach,
    bpf_map_delete_elem, bpf_map_update_elem, bpf_obj_get, bpf_obj_pin, bpf_xdp_query,
    bpf_xdp_query_opts, size_t,
};
use libbpf_rs::{PrintLevel, set_print};
use rustix::io::Errno;

/// Routes libbpf's messages to `tracing::debug!`, for the whole process.
///
/// Its warnings are at debug level, too: each failure that they announce is returned as an error,
/// and a driver's refusal of native mode is not a failure. They include the verifier's log.
pub(crate) fn route_messages() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        set_print(Some((PrintLevel::Debug, forward)));
    });
}

fn forward(level: PrintLevel, message: String) {
    tracing::debug!(target: "xskit_bpf::libbpf", ?level, "{}", message.trim_end());
}

/// `bpf(BPF_LINK_CREATE)`: attaches an XDP program to an interface of the calling thread's network
/// namespace. Linux 5.9.
///
/// `flags` is one of `XDP_FLAGS_DRV_MODE` and `XDP_FLAGS_SKB_MODE`, which libbpf-rs' `attach_xdp`
/// doesn't take. The link's descriptor is close-on-exec.
pub(crate) fn create_xdp_link(
    program: BorrowedFd<'_>,
    ifindex: u32,
    flags: u32,
) -> Result<OwnedFd, Errno> {
    let opts = bpf_link_create_opts {
        sz: size_of::<bpf_link_create_opts>() as size_t,
        flags,
        ..Default::default()
    };
    let ifindex = c_int::try_from(ifindex).map_err(|_| Errno::NODEV)?;
    // SAFETY: `opts` is a valid, initialised structure whose `sz` is its size, whose pointers are
    // null and which outlives the call; libbpf only reads it. `program` is open for the whole call.
    let fd = unsafe { bpf_link_create(program.as_raw_fd(), ifindex, BPF_XDP, &opts) };
    let fd = check(fd)?;
    // SAFETY: a result of 0 or more is a new file descriptor that nobody else has seen, so it is
    // ours to own.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `bpf(BPF_LINK_DETACH)`: detaches the program before it returns. Linux 5.9.
///
/// Closing the descriptor detaches as well, but kernels before 6.x do so some time after the close.
pub(crate) fn detach_link(link: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: takes a descriptor by value, open for the whole call, and no pointers.
    check(unsafe { bpf_link_detach(link.as_raw_fd()) }).map(|_| ())
}

/// `bpf(BPF_MAP_UPDATE_ELEM, BPF_NOEXIST)` of a map of sockets. The caller has checked the map's
/// type.
pub(crate) fn insert(map: BorrowedFd<'_>, queue: u32, socket: RawFd) -> Result<(), Errno> {
    let (key, value) = ((&raw const queue).cast(), (&raw const socket).cast());
    // SAFETY: keys and values of such a map are 4 bytes, as those here, which are initialised and
    // outlive the call, and which the kernel only reads.
    let result =
        unsafe { bpf_map_update_elem(map.as_raw_fd(), key, value, u64::from(BPF_NOEXIST)) };
    check(result).map(|_| ())
}

/// `bpf(BPF_MAP_DELETE_ELEM)` of a map of sockets. The caller has checked the map's type.
pub(crate) fn remove(map: BorrowedFd<'_>, queue: u32) -> Result<(), Errno> {
    // SAFETY: as above.
    let result = unsafe { bpf_map_delete_elem(map.as_raw_fd(), (&raw const queue).cast()) };
    check(result).map(|_| ())
}

/// `bpf(BPF_OBJ_GET)`. The descriptor is close-on-exec.
pub(crate) fn open_pinned(path: &Path) -> Result<OwnedFd, Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::INVAL)?;
    // SAFETY: `path` ends with a zero and outlives the call, which only reads it.
    let fd = check(unsafe { bpf_obj_get(path.as_ptr()) })?;
    // SAFETY: a result of 0 or more is a new file descriptor that nobody else has seen, so it is
    // ours to own.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `bpf(BPF_OBJ_PIN)`.
pub(crate) fn pin(object: BorrowedFd<'_>, path: &Path) -> Result<(), Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::INVAL)?;
    // SAFETY: `path` ends with a zero and outlives the call, which only reads it.
    check(unsafe { bpf_obj_pin(object.as_raw_fd(), path.as_ptr()) }).map(|_| ())
}

/// What rtnetlink and the netdev family report of XDP on an interface of the calling thread's
/// network namespace.
///
/// The second is `None` if the kernel has no netdev family (before Linux 6.3), and can't report
/// what the device offers.
pub(crate) fn query_xdp(ifindex: u32) -> Result<(bpf_xdp_query_opts, Option<Offered>), Errno> {
    let mut opts = bpf_xdp_query_opts {
        sz: size_of::<bpf_xdp_query_opts>() as size_t,
        // Without the netdev family libbpf reports no features, the same as for a device without
        // any, but leaves this field alone, which tells the two apart.
        xdp_zc_max_segs: u32::MAX,
        ..Default::default()
    };
    let ifindex = c_int::try_from(ifindex).map_err(|_| Errno::NODEV)?;
    // SAFETY: `opts` is a valid, initialised structure whose `sz` is its size, exclusively ours for
    // the call.
    check(unsafe { bpf_xdp_query(ifindex, 0, &mut opts) })?;
    let offered = Offered {
        flags: opts.feature_flags,
        zero_copy_segments: opts.xdp_zc_max_segs,
    };
    Ok((opts, (opts.xdp_zc_max_segs != u32::MAX).then_some(offered)))
}

/// The features of a device as the netdev family numbers them (`enum netdev_xdp_act` in
/// linux/netdev.h).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offered {
    pub(crate) flags: u64,
    pub(crate) zero_copy_segments: u32,
}

/// libbpf's low-level calls return a negative errno.
fn check(result: c_int) -> Result<c_int, Errno> {
    if result < 0 {
        Err(Errno::from_raw_os_error(result.saturating_neg()))
    } else {
        Ok(result)
    }
}

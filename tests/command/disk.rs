//! A file system of a given size.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount,
    fsopen,
};

/// A tmpfs that is mounted nowhere: nothing but this descriptor leads to it, and it goes with it.
/// So it needs no mount namespace, which not every root lets a process make private (one that
/// chroot(2) leads to may be no mount point), and no machine's own mounts change.
pub(crate) struct Disk(OwnedFd);

impl Disk {
    /// One with room for this many bytes. Needs CAP_SYS_ADMIN, as hosts do.
    pub(crate) fn new(bytes: u64) -> Self {
        let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).unwrap();
        fsconfig_set_string(&context, "size", bytes.to_string()).unwrap();
        fsconfig_create(&context).unwrap();
        let flags = MountAttrFlags::empty();
        Self(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, flags).unwrap())
    }

    /// Its root, for this process and its children, as long as this value lives.
    pub(crate) fn path(&self) -> PathBuf {
        let (process, fd) = (std::process::id(), self.0.as_raw_fd());
        PathBuf::from(format!("/proc/{process}/fd/{fd}"))
    }
}

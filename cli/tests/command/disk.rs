//! A file system of a given size, or without attributes.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_reconfigure,
    fsconfig_set_string, fsmount, fsopen,
};

/// A tmpfs that is mounted nowhere: nothing but this descriptor leads to it, and it goes with it.
/// So it needs no mount namespace, which not every root lets a process make private (one that
/// chroot(2) leads to may be no mount point), and no machine's own mounts change.
pub(crate) struct Disk {
    root: OwnedFd,
    context: OwnedFd,
}

impl Disk {
    /// One with room for this many bytes. Needs CAP_SYS_ADMIN, as hosts do.
    pub(crate) fn new(bytes: u64) -> Self {
        let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).unwrap();
        fsconfig_set_string(&context, "size", bytes.to_string()).unwrap();
        Self::mount(context)
    }

    /// One whose files have no attributes of a user's.
    pub(crate) fn without_attributes() -> Self {
        Self::mount(fsopen("ramfs", FsOpenFlags::FSOPEN_CLOEXEC).unwrap())
    }

    fn mount(context: OwnedFd) -> Self {
        fsconfig_create(&context).unwrap();
        let flags = MountAttrFlags::empty();
        let root = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, flags).unwrap();
        Self { root, context }
    }

    /// From now on it has room for this many bytes.
    pub(crate) fn resize(&self, bytes: u64) {
        fsconfig_set_string(&self.context, "size", bytes.to_string()).unwrap();
        fsconfig_reconfigure(&self.context).unwrap();
    }

    /// Its root, for this process and its children, as long as this value lives.
    pub(crate) fn path(&self) -> PathBuf {
        let (process, fd) = (std::process::id(), self.root.as_raw_fd());
        PathBuf::from(format!("/proc/{process}/fd/{fd}"))
    }
}

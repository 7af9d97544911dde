//! Memory for a UMEM, by `mmap(2)`.
#![allow(unsafe_code)]

use std::io;
use std::ptr::{self, NonNull};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use xskit_core::Errno;
use xskit_core::umem::Memory;

/// Pages of 2 MiB.
const HUGE_PAGE: usize = 2 << 20;
const PAGE: usize = 4096;
// include/uapi/linux/mempolicy.h
const MPOL_BIND: libc::c_int = 2;
const MPOL_MF_STRICT: libc::c_uint = 1 << 0;
const MPOL_MF_MOVE: libc::c_uint = 1 << 1;

/// The most NUMA nodes that a kernel can have (CONFIG_NODES_SHIFT).
const MOST_NODES: usize = 1024;

/// An anonymous mapping.
///
/// ```
/// use xskit_rustix::{MmapMemory, PageSize};
///
/// let memory = MmapMemory::allocate(64 * 4096, true)?;
/// if let PageSize::FellBack(errno) = memory.pages() {
///     println!("no pages of 2 MiB: {errno}"); // `sysctl vm.nr_hugepages` reserves some
/// }
/// # Ok::<(), xskit_core::Errno>(())
/// ```
#[derive(Debug)]
pub struct MmapMemory {
    start: NonNull<u8>,
    len_bytes: usize,
    pages: PageSize,
}

/// The pages of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageSize {
    /// Pages of the usual size.
    Normal,
    /// Pages of 2 MiB, reserved by the administrator (`vm.nr_hugepages`).
    Huge,
    /// Pages of 2 MiB were asked for and refused with this errno (ENOMEM: none are reserved). The
    /// mapping has pages of the usual size, which the kernel may merge (`MADV_HUGEPAGE`).
    FellBack(Errno),
}

impl MmapMemory {
    /// Maps at least `len_bytes` bytes, rounded up to whole pages.
    ///
    /// With `huge`, pages of 2 MiB (`MAP_HUGETLB`) are tried first; [`pages`](Self::pages) says
    /// what was obtained.
    ///
    /// # Errors
    /// EINVAL if `len_bytes` is 0; ENOMEM if it is too large; else the errno of `mmap(2)`.
    pub fn allocate(len_bytes: usize, huge: bool) -> Result<Self, Errno> {
        if len_bytes == 0 {
            return Err(Errno::EINVAL);
        }
        if !huge {
            return Self::map(round_up(len_bytes, PAGE)?, PageSize::Normal);
        }
        match Self::map(round_up(len_bytes, HUGE_PAGE)?, PageSize::Huge) {
            Ok(memory) => Ok(memory),
            Err(errno) => Self::map(round_up(len_bytes, PAGE)?, PageSize::FellBack(errno)),
        }
    }

    /// The pages that were obtained.
    #[must_use]
    pub fn pages(&self) -> PageSize {
        self.pages
    }

    /// The length in bytes.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// `mbind(MPOL_BIND, MPOL_MF_MOVE | MPOL_MF_STRICT)`: keeps the pages in the memory of this
    /// NUMA node, and moves those that are elsewhere. Linux 2.6.16. Call it before a socket is
    /// opened: pages that a device writes to don't move.
    ///
    /// # Errors
    /// EINVAL if there is no such node, or the process may not use it (`cpuset(7)`); ENOSYS if the
    /// kernel has no NUMA; EIO if pages can't be moved.
    pub fn bind_to_node(&mut self, node: u32) -> Result<(), Errno> {
        const WORD: usize = libc::c_ulong::BITS as usize;
        let mut nodes = [0 as libc::c_ulong; MOST_NODES / WORD];
        let word = nodes.get_mut(node as usize / WORD).ok_or(Errno::EINVAL)?;
        *word = 1 << (node as usize % WORD);
        // SAFETY: the range is the mapping of this value, whose contents stay as they are; the
        // kernel reads one bit less of `nodes` than the count that it gets: the whole array, which
        // outlives the call.
        let done = unsafe {
            libc::syscall(
                libc::SYS_mbind,
                self.start.as_ptr(),
                self.len_bytes,
                MPOL_BIND,
                nodes.as_ptr(),
                MOST_NODES + 1,
                MPOL_MF_MOVE | MPOL_MF_STRICT,
            )
        };
        match done {
            0 => Ok(()),
            _ => Err(Errno(
                io::Error::last_os_error()
                    .raw_os_error()
                    .unwrap_or(libc::EINVAL),
            )),
        }
    }

    fn map(len_bytes: usize, pages: PageSize) -> Result<Self, Errno> {
        let flags = match pages {
            PageSize::Normal => MapFlags::PRIVATE | MapFlags::POPULATE,
            PageSize::Huge => MapFlags::PRIVATE | MapFlags::POPULATE | MapFlags::HUGETLB,
            PageSize::FellBack(_) => MapFlags::PRIVATE,
        };
        // SAFETY: a new mapping, placed by the kernel, replaces nothing.
        let start = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                len_bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                flags,
            )
        }
        .map_err(|errno| Errno(errno.raw_os_error()))?;
        if let PageSize::FellBack(_) = pages {
            // Only advice: a kernel without transparent huge pages refuses it, which does no harm.
            // SAFETY: the range is the mapping just made; the advice changes no contents.
            let _ = unsafe { madvise(start, len_bytes, Advice::LinuxHugepage) };
        }
        let start = NonNull::new(start.cast()).ok_or(Errno::ENOMEM)?;
        Ok(Self {
            start,
            len_bytes,
            pages,
        })
    }
}

fn round_up(len_bytes: usize, unit: usize) -> Result<usize, Errno> {
    len_bytes
        .checked_next_multiple_of(unit)
        .ok_or(Errno::ENOMEM)
}

// SAFETY: the mapping is the value's own until it is dropped, page-aligned, zeroed, readable and
// writable; dropping it unmaps it, so that its pages go back to the kernel.
unsafe impl Memory for MmapMemory {
    fn region(&self) -> NonNull<[u8]> {
        NonNull::slice_from_raw_parts(self.start, self.len_bytes)
    }
}

impl Drop for MmapMemory {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map`, is unmapped here only, and `Umem` drops it only
        // when no frame and no socket is left. An error would leave it mapped, which is sound.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len_bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::{MmapMemory, PageSize};
    use xskit_core::Errno;
    use xskit_core::umem::Memory;

    #[test]
    fn rounds_up_to_pages() {
        let memory = MmapMemory::allocate(5000, false).expect("two pages");
        assert_eq!(
            (memory.len_bytes(), memory.pages()),
            (8192, PageSize::Normal)
        );
        assert_eq!(memory.region().len(), 8192);
    }

    #[test]
    fn huge_pages_fall_back_with_a_note() {
        let memory = MmapMemory::allocate(5000, true).expect("memory of either kind");
        match memory.pages() {
            PageSize::Huge => assert_eq!(memory.len_bytes(), 2 << 20),
            PageSize::FellBack(errno) => {
                assert_eq!((memory.len_bytes(), errno), (8192, Errno::ENOMEM));
            }
            PageSize::Normal => panic!("huge pages were asked for"),
        }
    }

    #[test]
    fn is_bound_to_a_node_that_there_is() {
        let mut memory = MmapMemory::allocate(5000, false).expect("two pages");
        let bound = memory.bind_to_node(0);
        // A kernel without NUMA has no such call.
        if bound != Err(Errno::ENOSYS) {
            assert_eq!(bound, Ok(()));
            for node in [1023, 1024, u32::MAX] {
                assert_eq!(memory.bind_to_node(node), Err(Errno::EINVAL), "{node}");
            }
        }
    }

    #[test]
    fn refuses_nothing_and_too_much() {
        assert_eq!(MmapMemory::allocate(0, false).err(), Some(Errno::EINVAL));
        assert_eq!(
            MmapMemory::allocate(usize::MAX, true).err(),
            Some(Errno::ENOMEM)
        );
    }
}

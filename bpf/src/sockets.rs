//! Which socket gets what is redirected on a queue: a map of sockets, of this crate's program or
//! another.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use libbpf_rs::{MapFdInfo, MapHandle, MapType};
use rustix::io::Errno;
use rustix::net::{AddressFamily, sockopt};

use crate::{Error, sys};

/// A map of AF_XDP sockets (`BPF_MAP_TYPE_XSKMAP`), by receive queue.
///
/// That of an [`XdpProgram`](crate::XdpProgram) ([`sockets`](crate::XdpProgram::sockets)), or of a
/// program that another loader has attached: pinned in a BPF file system, or received as a
/// descriptor. The program decides what to redirect.
///
/// ```no_run
/// # fn socket() -> std::os::fd::OwnedFd { unimplemented!() }
/// use std::os::fd::AsFd;
/// use xskit_bpf::SocketMap;
///
/// let map = SocketMap::open_pinned("/sys/fs/bpf/xsks_map")?; // of a program that another loader attached
/// let socket = socket(); // an AF_XDP socket, bound to queue 0 of the interface
/// map.register(0, socket.as_fd())?;
/// # Ok::<(), xskit_bpf::Error>(())
/// ```
#[doc(alias = "XSKMAP")]
#[doc(alias = "BPF_MAP_TYPE_XSKMAP")]
#[doc(alias = "xsks_map")]
#[doc(alias = "XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD")]
#[doc(alias = "XSK_LIBBPF_FLAGS__INHIBIT_PROG_LOAD")]
#[doc(alias = "XskMap")]
#[derive(Debug)]
pub struct SocketMap {
    map: OwnedFd,
    queues: u32,
}

impl SocketMap {
    /// `bpf(BPF_OBJ_GET)`: opens the map that is pinned at `path`, in a BPF file system such as
    /// `/sys/fs/bpf`. Linux 4.4.
    ///
    /// # Errors
    /// [`Error::Pin`] if it can't be opened; [`Error::NotSocketMap`] if it is something else.
    pub fn open_pinned(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let map = sys::open_pinned(path);
        Self::from_fd(map.map_err(|errno| Error::Pin {
            call: "bpf(BPF_OBJ_GET)",
            path: path.to_owned(),
            source: errno.into(),
        })?)
    }

    /// Takes a descriptor of a map: from a loader in this process, or from another one over a Unix
    /// socket.
    ///
    /// Needs `/proc`, where the kernel reports the type of the descriptor.
    ///
    /// # Errors
    /// [`Error::NotSocketMap`] if it is another kind of map, or not a map.
    pub fn from_fd(map: OwnedFd) -> Result<Self, Error> {
        match MapFdInfo::from_fd(map.as_fd()) {
            Ok(info) if info.map_type == MapType::Xskmap => Ok(Self {
                map,
                queues: info.max_entries,
            }),
            Ok(info) => Err(Error::NotSocketMap {
                found: format!("a map of type {:?}", info.map_type),
            }),
            Err(error) => Err(Error::NotSocketMap {
                found: format!("not a map ({error})"),
            }),
        }
    }

    pub(crate) fn of(map: &MapHandle) -> Result<Self, Error> {
        let map = map.as_fd().try_clone_to_owned();
        Self::from_fd(
            map.map_err(|error| Error::map("keeping the map of sockets: fcntl(2)", error.into()))?,
        )
    }

    /// How many queues it has room for.
    #[must_use]
    pub fn queues(&self) -> u32 {
        self.queues
    }

    /// `bpf(BPF_MAP_UPDATE_ELEM, BPF_NOEXIST)`: delivers what is redirected on `queue` to this
    /// AF_XDP socket.
    ///
    /// The kernel drops what it can't deliver, so the socket should be bound to the queue and
    /// interface that the packets come in on. The registration doesn't keep the socket alive, and
    /// ends when it is closed.
    ///
    /// # Errors
    /// [`Error::QueueOutOfRange`] if the map has no such queue; [`Error::QueueTaken`] if the queue
    /// has a socket; [`Error::NotXdpSocket`] if `socket` is something else; [`Error::Map`] for any
    /// other failure.
    #[doc(alias = "xsk_socket__update_xskmap")]
    pub fn register(&self, queue: u32, socket: BorrowedFd<'_>) -> Result<(), Error> {
        self.check_queue(queue)?;
        if sockopt::socket_domain(socket) != Ok(AddressFamily::XDP) {
            return Err(Error::NotXdpSocket { queue });
        }
        let value = socket.as_raw_fd();
        sys::insert(self.map.as_fd(), queue, value).map_err(|errno| match errno {
            Errno::EXIST => Error::QueueTaken { queue },
            _ => map_error("registering a socket: bpf(BPF_MAP_UPDATE_ELEM)", errno),
        })
    }

    /// `bpf(BPF_MAP_DELETE_ELEM)`: removes the socket of `queue`, if there is one.
    ///
    /// # Errors
    /// [`Error::QueueOutOfRange`] if the map has no such queue; [`Error::Map`] for any other
    /// failure.
    pub fn unregister(&self, queue: u32) -> Result<(), Error> {
        self.check_queue(queue)?;
        match sys::remove(self.map.as_fd(), queue) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(map_error(
                "unregistering a socket: bpf(BPF_MAP_DELETE_ELEM)",
                errno,
            )),
        }
    }

    /// `bpf(BPF_OBJ_PIN)`: pins the map at `path`, in a BPF file system, for another process to
    /// [open](Self::open_pinned). Linux 4.4.
    ///
    /// The file keeps the map until it is removed.
    ///
    /// # Errors
    /// [`Error::Pin`] if the kernel refuses.
    pub fn pin(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        sys::pin(self.map.as_fd(), path).map_err(|errno| Error::Pin {
            call: "bpf(BPF_OBJ_PIN)",
            path: path.to_owned(),
            source: errno.into(),
        })
    }

    fn check_queue(&self, queue: u32) -> Result<(), Error> {
        let queues = self.queues;
        if queue < queues {
            Ok(())
        } else {
            Err(Error::QueueOutOfRange { queue, queues })
        }
    }
}

impl AsFd for SocketMap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }
}

fn map_error(call: &'static str, errno: Errno) -> Error {
    let source = Box::new(io::Error::from(errno));
    Error::Map { call, source }
}

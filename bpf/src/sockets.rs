//! Which socket gets what is redirected on a queue: a map of sockets, the program's own or anyone's.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use libbpf_rs::{MapFdInfo, MapHandle, MapType};
use rustix::io::Errno;
use rustix::net::{AddressFamily, sockopt};

use crate::{Error, sys};

/// A map of AF_XDP sockets (`BPF_MAP_TYPE_XSKMAP`), by receive queue.
///
/// That of an [`XdpProgram`](crate::XdpProgram) ([`sockets`](crate::XdpProgram::sockets)), or of a program that somebody
/// else has loaded and attached: pinned in a BPF file system, or received as a descriptor. The program is the one that
/// decides what to redirect.
///
/// ```no_run
/// # fn socket() -> std::os::fd::OwnedFd { unimplemented!() }
/// use std::os::fd::AsFd;
/// use xskit_bpf::SocketMap;
///
/// let map = SocketMap::open_pinned("/sys/fs/bpf/xsks_map")?; // of a program that somebody else attached
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
    /// Opens a map that is pinned at `path`, in a BPF file system such as `/sys/fs/bpf`.
    ///
    /// # Errors
    /// [`Error::Pin`]; [`Error::NotSocketMap`].
    pub fn open_pinned(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let map = sys::open_pinned(path);
        Self::from_fd(map.map_err(|errno| Error::Pin {
            call: "bpf(BPF_OBJ_GET)",
            path: path.to_owned(),
            source: errno.into(),
        })?)
    }

    /// Takes a descriptor of a map: from a loader in this process, or from another one over a Unix socket.
    ///
    /// Needs `/proc`, where the kernel says what the descriptor is.
    ///
    /// # Errors
    /// [`Error::NotSocketMap`], of another map and of what is no map.
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
                found: format!("no map ({error})"),
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

    /// Gives what is redirected on `queue` to this AF_XDP socket.
    ///
    /// The kernel drops what it can't deliver, so the socket should be bound, to the queue and interface that the packets
    /// come in on. The registration doesn't keep the socket alive: it ends when the socket is closed.
    ///
    /// # Errors
    /// [`Error::QueueOutOfRange`]; [`Error::QueueTaken`] if the queue has a socket; [`Error::NotXdpSocket`]; [`Error::Map`].
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

    /// Takes the socket of `queue`, if there is one, out again.
    ///
    /// # Errors
    /// [`Error::QueueOutOfRange`], [`Error::Map`].
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

    /// Pins the map at `path`, in a BPF file system, for another process to [open](Self::open_pinned).
    ///
    /// It stays there, and the map with it, until the file is removed.
    ///
    /// # Errors
    /// [`Error::Pin`].
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

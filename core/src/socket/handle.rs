//! The kernel's side of a socket: the handle and the mapped rings, torn down in order.
#![allow(unsafe_code)]

use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use super::error::Step;
use super::receiver::Receiver;
use crate::abi::{RingOffset, SockaddrXdp};
use crate::backend::{Backend, Kick, RingKind, SetOption};
use crate::errno::Errno;
use crate::ring::{RingMemory, RingSize, Slot};
use crate::umem::{Pool, SocketNumber};

/// An open socket handle with its mappings, and its place among the sockets of its UMEM.
///
/// Dropping it unmaps the rings, closes the socket, retires the frames that the kernel had (takes
/// them back, if they were [disowned](Self::disown)), and only then lets go of the UMEM: in that
/// order, also halfway through the set-up and in a panic.
pub(super) struct Handle<'u, B: Backend> {
    backend: &'u B,
    pool: &'u Pool<'u>,
    number: SocketNumber,
    socket: ManuallyDrop<B::Socket>,
    maps: [Option<(NonNull<u8>, usize)>; 4],
    /// Whether the kernel uses none of the frames that it was lent, and never will.
    is_disowned: bool,
}

impl<'u, B: Backend> Handle<'u, B> {
    /// Creates a socket with a place among the UMEM's, or takes the given one, which is closed if
    /// there is no place.
    pub(super) fn create(
        backend: &'u B,
        pool: &'u Pool<'u>,
        place: Result<SocketNumber, (Step, Errno)>,
        given: Option<B::Socket>,
    ) -> Result<Self, (Step, Errno)> {
        let (number, created) = match (place, given) {
            (Ok(number), Some(given)) => (number, Ok(given)),
            (Ok(number), None) => (number, backend.open()),
            (Err(failure), given) => {
                given.into_iter().for_each(|socket| backend.close(socket));
                return Err(failure);
            }
        };
        match created {
            Ok(socket) => Ok(Self {
                backend,
                pool,
                number,
                socket: ManuallyDrop::new(socket),
                maps: [None; 4],
                is_disowned: false,
            }),
            Err(errno) => {
                pool.unclaim(number, true);
                Err((Step::Create, errno))
            }
        }
    }

    /// Maps one ring. The result must not be used after the handle is dropped.
    pub(super) fn map<S: Slot>(
        &mut self,
        ring: RingKind,
        offsets: &RingOffset,
        size: RingSize,
    ) -> Result<RingMemory<'u, S>, (Step, Errno)> {
        let len_bytes = RingMemory::<S>::len_bytes(offsets, size);
        let base = self
            .backend
            .map(&self.socket, ring, len_bytes)
            .map_err(|errno| (Step::Map(ring), errno))?;
        match self.maps.iter_mut().find(|map| map.is_none()) {
            Some(map) => *map = Some((base, len_bytes)),
            // Four rings, four places: not reached. A fifth would stay mapped, which is sound.
            None => return Err((Step::Map(ring), Errno::EINVAL)),
        }
        // SAFETY: bounds: `base` is a mapping of `len_bytes`, by the contract of `Backend`;
        // alignment is checked inside. Lifetime: `'u` outlives this handle, but the ring is kept in
        // the halves of the socket that owns the handle, which no public function lends by
        // reference, and used by nothing after the drop below; aliasing: the ring's words are
        // touched as atomics only. What is pushed names frames that the ledger has passed to the
        // kernel.
        unsafe { RingMemory::from_map(base, len_bytes, offsets, size) }
            .map_err(|error| (Step::Layout(ring, error), Errno(0)))
    }

    /// `bind(2)`; over the UMEM of a bound socket, if one is given.
    pub(super) fn bind(
        &self,
        address: &SockaddrXdp,
        shared: Option<&B::Socket>,
    ) -> Result<(), Errno> {
        match shared {
            None => self.backend.bind(&self.socket, address),
            Some(with) => self.backend.bind_shared(&self.socket, address, with),
        }
    }

    /// After a bind that failed: the frames go back to the stash when the socket is closed, if it
    /// is certain that the kernel will never find them.
    ///
    /// The failure alone does not show that. A duplicate of the descriptor may have bound the
    /// socket meanwhile, or may bind it later, and a bind that was submitted may still complete. So
    /// the fill ring is emptied first, and then the kernel is asked whether the socket is unbound.
    /// If it is, every later bind finds an empty ring: the kernel orders both by the socket's
    /// mutex.
    pub(super) fn disown(&mut self, receiver: &mut Receiver<'_>, rx: RingSize) {
        // A size that was set cannot be set again: EINVAL while the socket is unbound, EBUSY once
        // it is bound (`xsk_setsockopt`, net/xdp/xsk.c).
        let sized_again = SetOption::RingSize(RingKind::Rx, rx.slots());
        self.is_disowned =
            receiver.withdraw() && self.set_option(sized_again) == Err(Errno::EINVAL);
    }

    /// `setsockopt(2)`.
    pub(super) fn set_option(&self, option: SetOption) -> Result<(), Errno> {
        self.backend.set_option(&self.socket, option)
    }

    #[inline]
    pub(super) fn backend(&self) -> &'u B {
        self.backend
    }

    /// The socket's number among its UMEM's.
    pub(super) fn number(&self) -> SocketNumber {
        self.number
    }

    #[inline]
    pub(super) fn socket(&self) -> &B::Socket {
        &self.socket
    }

    #[inline]
    pub(super) fn kick(&self, kick: Kick) -> Result<(), Errno> {
        self.backend.kick(&self.socket, kick)
    }
}

impl<B: Backend> Drop for Handle<'_, B> {
    fn drop(&mut self) {
        for (base, len_bytes) in self.maps.iter_mut().filter_map(Option::take) {
            // SAFETY: each pair is from one `map` and is taken out here, so it is unmapped once.
            // The rings over it sit beside this handle, and are not used again (they have no
            // `Drop`).
            unsafe { self.backend.unmap(base, len_bytes) }
        }
        // SAFETY: taken only here, in the drop, and not used afterwards.
        let socket = unsafe { ManuallyDrop::take(&mut self.socket) };
        self.backend.close(socket);
        self.pool.unclaim(self.number, self.is_disowned);
    }
}

//! A socket without the library's checks: what is put on its rings is the caller's choice.
//!
//! The system calls are those of the rustix backend, one by one; the rings are the core's, which pass
//! any number on. There is no ledger and no frame, so a descriptor may name whatever a test wants the
//! kernel to refuse. Memory is copied in and out by address, and never borrowed.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::rc::Rc;

use rustix::net::bind;
use rustix::net::xdp::{SocketAddrXdp, SocketAddrXdpFlags, SocketAddrXdpWithSharedUmem};
use xskit_core::abi::{
    AF_XDP, Desc, OPTIONS_ZEROCOPY, RingOffset, SockaddrXdp, Statistics, UNALIGNED_BUF_ADDR_MASK,
    UNALIGNED_BUF_OFFSET_SHIFT, UmemReg, bind_flags, umem_flags,
};
use xskit_core::backend::{Backend, Kick, RingKind, SetOption};
use xskit_core::ring::{CompletionRing, FillRing, RingMemory, RingSize, RxRing, Slot, TxRing};
use xskit_core::umem::Memory;
use xskit_rustix::{MmapMemory, PageSize, RustixBackend};

use super::lab::{Lab, Side};
use crate::RealBackend;

/// What a raw socket's UMEM is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawUmem {
    /// Bytes of a chunk.
    pub(super) chunk: u32,
    pub(super) chunks: u32,
    pub(super) headroom: u32,
    /// Chunks may lie anywhere.
    pub(super) unaligned: bool,
    /// Packets may take several chunks.
    pub(super) several: bool,
}

impl Default for RawUmem {
    fn default() -> Self {
        Self {
            chunk: 4096,
            chunks: 1024,
            headroom: 0,
            unaligned: false,
            several: false,
        }
    }
}

impl RawUmem {
    pub(super) fn len_bytes(&self) -> u64 {
        u64::from(self.chunk) * u64::from(self.chunks)
    }

    /// Where the chunk of this number starts.
    pub(super) fn address(&self, number: u32) -> u64 {
        u64::from(self.chunk) * u64::from(number)
    }

    /// Where the packet of a descriptor lies.
    pub(super) fn packet_address(&self, address: u64) -> u64 {
        match self.unaligned {
            true => (address & UNALIGNED_BUF_ADDR_MASK) + (address >> UNALIGNED_BUF_OFFSET_SHIFT),
            false => address,
        }
    }

    /// What goes back to the fill ring for it.
    fn chunk_address(&self, address: u64) -> u64 {
        match self.unaligned {
            true => address & UNALIGNED_BUF_ADDR_MASK,
            false => address - address % u64::from(self.chunk),
        }
    }
}

/// An AF_XDP socket, its UMEM and its four rings.
pub(super) struct RawSocket {
    backend: RustixBackend,
    socket: OwnedFd,
    memory: Rc<MmapMemory>,
    pub(super) umem: RawUmem,
    /// Of the socket that registered the UMEM; another's is empty.
    fill: Option<FillRing<'static>>,
    completion: Option<CompletionRing<'static>>,
    rx: RxRing<'static>,
    tx: TxRing<'static>,
    /// What the rings lie in.
    maps: Vec<(NonNull<u8>, usize)>,
}

impl RawSocket {
    /// Opens a socket on queue 0 of this side, in the lab's mode; none where the UMEM needs huge pages
    /// and there are none.
    pub(super) fn open<B: RealBackend>(
        lab: &Lab<'_, B>,
        side: Side,
        umem: RawUmem,
    ) -> Option<Self> {
        let len_bytes = umem.len_bytes() as usize;
        let memory = MmapMemory::allocate(len_bytes, umem.unaligned).expect("memory");
        // A packet across two pages is no problem to a copy; a device must find them side by side.
        let scattered = umem.unaligned && memory.pages() != PageSize::Huge;
        if scattered && lab.platform.is_zero_copy() {
            return None;
        }
        let backend = RustixBackend::new();
        let socket = socket_of(lab, side);
        let reg = UmemReg {
            addr: memory.region().as_ptr().cast::<u8>().expose_provenance() as u64,
            len: umem.len_bytes(),
            chunk_size: umem.chunk,
            headroom: umem.headroom,
            flags: u32::from(umem.unaligned) * umem_flags::UNALIGNED_CHUNK,
            tx_metadata_len: 0,
        };
        let option = SetOption::UmemReg(reg);
        backend.set_option(&socket, option).expect("XDP_UMEM_REG");
        let mut raw = Self::map(backend, socket, Rc::new(memory), umem, true);
        // Some drivers look at the fill ring when the socket is bound.
        if side == Side::Second {
            raw.lend((0..umem.chunks).map(|chunk| umem.address(chunk)));
        }
        let mode = match lab.platform.is_zero_copy() {
            true => bind_flags::ZEROCOPY,
            false => bind_flags::COPY,
        };
        let several = u16::from(umem.several) * bind_flags::USE_SG;
        let address = SockaddrXdp {
            family: AF_XDP,
            flags: mode | bind_flags::USE_NEED_WAKEUP | several,
            ifindex: lab.ifindex(side),
            queue_id: 0,
            shared_umem_fd: 0,
        };
        raw.backend.bind(&raw.socket, &address).expect("bind(2)");
        let options = raw.backend.options(&raw.socket).expect("XDP_OPTIONS");
        let zero_copy = options.flags & OPTIONS_ZEROCOPY != 0;
        assert_eq!(zero_copy, lab.platform.is_zero_copy());
        Some(raw)
    }

    /// Another socket of the same queue and UMEM, and so of the same fill and completion ring.
    pub(super) fn sharing<B: RealBackend>(&self, lab: &Lab<'_, B>, side: Side) -> Self {
        let socket = socket_of(lab, side);
        let memory = Rc::clone(&self.memory);
        let raw = Self::map(RustixBackend::new(), socket, memory, self.umem, false);
        let flags = SocketAddrXdpFlags::from_bits_retain(bind_flags::SHARED_UMEM);
        let address = SocketAddrXdpWithSharedUmem {
            addr: SocketAddrXdp::new(flags, lab.ifindex(side), 0),
            shared_umem_fd: self.socket.as_fd(),
        };
        bind(&raw.socket, &address).expect("bind(2) with XDP_SHARED_UMEM");
        raw
    }

    fn map(
        backend: RustixBackend,
        socket: OwnedFd,
        memory: Rc<MmapMemory>,
        umem: RawUmem,
        is_owner: bool,
    ) -> Self {
        let kinds = match is_owner {
            true => &[
                RingKind::Fill,
                RingKind::Completion,
                RingKind::Rx,
                RingKind::Tx,
            ][..],
            false => &[RingKind::Rx, RingKind::Tx][..],
        };
        for kind in kinds {
            let slots = SetOption::RingSize(*kind, RingSize::DEFAULT.slots());
            backend.set_option(&socket, slots).expect("a ring");
        }
        let offsets = backend.offsets(&socket).expect("XDP_MMAP_OFFSETS");
        let mut maps = Vec::new();
        let owned = (
            is_owner.then(|| ring(&backend, &socket, RingKind::Fill, &offsets.fr, &mut maps)),
            is_owner.then(|| {
                ring(
                    &backend,
                    &socket,
                    RingKind::Completion,
                    &offsets.cr,
                    &mut maps,
                )
            }),
        );
        let rx = ring(&backend, &socket, RingKind::Rx, &offsets.rx, &mut maps);
        let tx = ring(&backend, &socket, RingKind::Tx, &offsets.tx, &mut maps);
        Self {
            fill: owned.0.map(FillRing::new),
            completion: owned.1.map(CompletionRing::new),
            rx: RxRing::new(rx),
            tx: TxRing::new(tx),
            backend,
            socket,
            memory,
            umem,
            maps,
        }
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.socket
    }

    /// Copies bytes to an address of the UMEM.
    pub(super) fn write(&mut self, address: u64, bytes: &[u8]) {
        let place = self.place(address, bytes.len());
        // SAFETY: bounds: checked by `place`; alignment: bytes; lifetime: `memory` is mapped as long
        // as `self`; aliasing: nothing ever borrows from `memory`, so `bytes` is elsewhere.
        unsafe { place.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) }
    }

    /// Copies bytes from an address of the UMEM.
    pub(super) fn read(&self, address: u64, len: usize) -> Vec<u8> {
        let place = self.place(address, len);
        let mut bytes = vec![0; len];
        // SAFETY: as for `write`, in the other direction; the mapping was zeroed when it was made.
        unsafe { place.copy_to_nonoverlapping(NonNull::from(&mut bytes[..]).cast(), len) }
        bytes
    }

    fn place(&self, address: u64, len: usize) -> NonNull<u8> {
        let region = self.memory.region();
        let start = usize::try_from(address).expect("an address of the UMEM");
        assert!(start + len <= region.len(), "an address of the UMEM");
        // SAFETY: `start` is inside the region, as was checked.
        unsafe { region.cast::<u8>().add(start) }
    }

    /// Puts chunks on the fill ring.
    pub(super) fn lend(&mut self, addresses: impl Iterator<Item = u64>) {
        if let Some(fill) = &mut self.fill {
            addresses.for_each(|address| fill.push(address).expect("room on the fill ring"));
            fill.commit();
        }
    }

    /// Puts descriptors on the TX ring, as they are.
    pub(super) fn send(&mut self, descriptors: &[Desc]) {
        for descriptor in descriptors {
            self.tx.push(*descriptor).expect("room on the TX ring");
        }
        self.tx.commit();
    }

    /// Kicks once if anything is on the TX ring, and takes completions. Whether all was taken.
    pub(super) fn turn_to_send(&mut self) -> bool {
        if self.tx.outstanding() > 0 {
            let kick = Kick::Transmit { times: 1 };
            self.backend.kick(&self.socket, kick).expect("a kick");
        }
        if let Some(completion) = &mut self.completion {
            completion.drain(u32::MAX).for_each(drop);
        }
        self.tx.outstanding() == 0
    }

    /// Takes descriptors off the RX ring, each with its bytes, and gives `owner` their chunks back.
    pub(super) fn receive(&mut self) -> Vec<(Desc, Vec<u8>)> {
        let descriptors: Vec<Desc> = self.rx.drain(64).collect();
        let read = |desc: Desc| {
            let at = self.umem.packet_address(desc.addr);
            (desc, self.read(at, desc.len as usize))
        };
        let packets = descriptors.into_iter().map(read).collect();
        self.backend
            .kick(&self.socket, Kick::Receive)
            .expect("a wake");
        packets
    }

    /// Gives the kernel the chunks of received packets again.
    pub(super) fn give_back(&mut self, packets: &[(Desc, Vec<u8>)]) {
        let umem = self.umem;
        self.lend(
            packets
                .iter()
                .map(|(desc, _)| umem.chunk_address(desc.addr)),
        );
    }

    pub(super) fn statistics(&self) -> Statistics {
        self.backend
            .statistics(&self.socket)
            .expect("XDP_STATISTICS")
    }
}

impl Drop for RawSocket {
    fn drop(&mut self) {
        for (base, len_bytes) in self.maps.drain(..) {
            // SAFETY: each is one whole mapping of `ring`; the rings over them are never lent out and
            // not used after this.
            unsafe { self.backend.unmap(base, len_bytes) }
        }
    }
}

/// A new AF_XDP socket of this side's namespace, whose interfaces it will bind to.
fn socket_of<B: RealBackend>(lab: &Lab<'_, B>, side: Side) -> OwnedFd {
    let open = || RustixBackend::new().open().expect("an AF_XDP socket");
    lab.host(side).run(open).expect("in the host")
}

/// Maps a ring.
fn ring<S: Slot>(
    backend: &RustixBackend,
    socket: &OwnedFd,
    kind: RingKind,
    offsets: &RingOffset,
    maps: &mut Vec<(NonNull<u8>, usize)>,
) -> RingMemory<'static, S> {
    let len_bytes = RingMemory::<S>::len_bytes(offsets, RingSize::DEFAULT);
    let base = backend.map(socket, kind, len_bytes).expect("mmap(2)");
    maps.push((base, len_bytes));
    // SAFETY: the mapping is this ring's alone, as long as asked for, and stays until the socket that
    // keeps both is dropped. The numbers pushed may name anything in the UMEM, or nothing: no
    // reference leads into its memory, which is only copied to and from.
    unsafe { RingMemory::from_map(base, len_bytes, offsets, RingSize::DEFAULT) }.expect("a ring")
}

//! A socket without the library's checks: the caller chooses what goes on its rings.
//!
//! The system calls are those of the rustix backend, one by one; the rings are the core's, which
//! pass any number on. There is no ledger and no frame, so a descriptor may name anything that a
//! test wants the kernel to refuse. Memory is copied in and out by address, and never borrowed.
#![allow(unsafe_code)]

use std::os::fd::OwnedFd;
use std::ptr::NonNull;

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

const CHUNKS: u32 = 1024;

/// The layout of a raw socket's UMEM: 1,024 chunks.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawUmem {
    /// Bytes of a chunk.
    pub(super) chunk: u32,
    pub(super) headroom: u32,
    /// Chunks may lie anywhere.
    pub(super) unaligned: bool,
}

impl Default for RawUmem {
    fn default() -> Self {
        Self {
            chunk: 4096,
            headroom: 0,
            unaligned: false,
        }
    }
}

impl RawUmem {
    pub(super) fn len_bytes(&self) -> u64 {
        self.address(CHUNKS)
    }

    /// Where the chunk of this number starts.
    pub(super) fn address(&self, number: u32) -> u64 {
        u64::from(self.chunk) * u64::from(number)
    }

    /// Where the packet of a descriptor lies, and where its chunk starts.
    fn addresses(&self, address: u64) -> (u64, u64) {
        let start = address & UNALIGNED_BUF_ADDR_MASK;
        match self.unaligned {
            true => (start + (address >> UNALIGNED_BUF_OFFSET_SHIFT), start),
            false => (address, address - address % u64::from(self.chunk)),
        }
    }
}

/// An AF_XDP socket, its UMEM and its four rings.
pub(super) struct RawSocket {
    backend: RustixBackend,
    socket: OwnedFd,
    memory: MmapMemory,
    umem: RawUmem,
    fill: FillRing<'static>,
    completion: CompletionRing<'static>,
    rx: RxRing<'static>,
    tx: TxRing<'static>,
    /// The mappings of the rings.
    maps: Vec<(NonNull<u8>, usize)>,
}

impl RawSocket {
    /// Opens a socket on queue 0 of this side, in the lab's mode; none where the UMEM needs huge
    /// pages and there are none.
    pub(super) fn open<B: RealBackend>(
        lab: &Lab<'_, B>,
        side: Side,
        umem: RawUmem,
    ) -> Option<Self> {
        let zero_copy = lab.platform.is_zero_copy();
        let memory = MmapMemory::allocate(umem.len_bytes() as usize, umem.unaligned);
        let memory = memory.expect("memory");
        // A copy can cross two pages; a device needs them adjacent.
        if umem.unaligned && zero_copy && memory.pages() != PageSize::Huge {
            return None;
        }
        let open = || RustixBackend::new().open().expect("an AF_XDP socket");
        let socket = lab.host(side).run(open).expect("in the host");
        let mut raw = Self::map(socket, memory, umem);
        if side == Side::Second {
            raw.lend((0..CHUNKS).map(|chunk| umem.address(chunk)));
        }
        let mode = match zero_copy {
            true => bind_flags::ZEROCOPY,
            false => bind_flags::COPY,
        };
        let address = SockaddrXdp {
            family: AF_XDP,
            flags: mode | bind_flags::USE_NEED_WAKEUP,
            ifindex: lab.ifindex(side),
            queue_id: 0,
            shared_umem_fd: 0,
        };
        raw.backend.bind(&raw.socket, &address).expect("bind(2)");
        let options = raw.backend.options(&raw.socket).expect("XDP_OPTIONS");
        assert_eq!(options.flags & OPTIONS_ZEROCOPY != 0, zero_copy);
        Some(raw)
    }

    /// Registers the UMEM, and sizes and maps the rings.
    fn map(socket: OwnedFd, memory: MmapMemory, umem: RawUmem) -> Self {
        let backend = RustixBackend::new();
        let reg = UmemReg {
            addr: memory.region().as_ptr().cast::<u8>().expose_provenance() as u64,
            len: umem.len_bytes(),
            chunk_size: umem.chunk,
            headroom: umem.headroom,
            flags: u32::from(umem.unaligned) * umem_flags::UNALIGNED_CHUNK,
            tx_metadata_len: 0,
        };
        let set = |option: SetOption| {
            let answer = backend.set_option(&socket, option);
            assert_eq!(answer, Ok(()), "{}", option.name());
        };
        set(SetOption::UmemReg(reg));
        for kind in [
            RingKind::Fill,
            RingKind::Completion,
            RingKind::Rx,
            RingKind::Tx,
        ] {
            set(SetOption::RingSize(kind, RingSize::DEFAULT.slots()));
        }
        let offsets = backend.offsets(&socket).expect("XDP_MMAP_OFFSETS");
        let mut maps = Vec::new();
        let map = &mut maps;
        Self {
            fill: FillRing::new(ring(&backend, &socket, RingKind::Fill, &offsets.fr, map)),
            completion: CompletionRing::new(ring(
                &backend,
                &socket,
                RingKind::Completion,
                &offsets.cr,
                map,
            )),
            rx: RxRing::new(ring(&backend, &socket, RingKind::Rx, &offsets.rx, map)),
            tx: TxRing::new(ring(&backend, &socket, RingKind::Tx, &offsets.tx, map)),
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
        // SAFETY: bounds: checked by `place`; alignment: bytes; lifetime: `memory` is mapped as
        // long as `self`; aliasing: nothing ever borrows from `memory`, so `bytes` is elsewhere.
        unsafe { place.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) }
    }

    /// Copies bytes from an address of the UMEM.
    fn read(&self, address: u64, len: usize) -> Vec<u8> {
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
    fn lend(&mut self, addresses: impl Iterator<Item = u64>) {
        addresses.for_each(|address| self.fill.push(address).expect("room on the fill ring"));
        self.fill.commit();
    }

    /// Puts descriptors on the TX ring, as they are.
    pub(super) fn send(&mut self, descriptors: impl Iterator<Item = Desc>) {
        descriptors.for_each(|desc| self.tx.push(desc).expect("room on the TX ring"));
        self.tx.commit();
    }

    /// Kicks once if anything is on the TX ring, and takes completions. Returns whether all was
    /// taken.
    pub(super) fn turn_to_send(&mut self) -> bool {
        if self.tx.outstanding() > 0 {
            let kick = Kick::Transmit { times: 1 };
            self.backend.kick(&self.socket, kick).expect("a kick");
        }
        self.completion.drain(u32::MAX).for_each(drop);
        self.tx.outstanding() == 0
    }

    /// Takes descriptors off the RX ring, each with its bytes, and lends their chunks again.
    pub(super) fn receive(&mut self) -> Vec<(Desc, Vec<u8>)> {
        let mut packets = Vec::new();
        while let Some(desc) = self.rx.pop() {
            let (packet, chunk) = self.umem.addresses(desc.addr);
            packets.push((desc, self.read(packet, desc.len as usize)));
            self.lend([chunk].into_iter());
        }
        self.rx.release();
        self.backend
            .kick(&self.socket, Kick::Receive)
            .expect("a wake");
        packets
    }

    pub(super) fn statistics(&self) -> Statistics {
        let counted = self.backend.statistics(&self.socket);
        counted.expect("XDP_STATISTICS")
    }
}

impl Drop for RawSocket {
    fn drop(&mut self) {
        for (base, len_bytes) in self.maps.drain(..) {
            // SAFETY: each is one whole mapping of `ring`; the rings over them are never lent out
            // and not used after this.
            unsafe { self.backend.unmap(base, len_bytes) }
        }
    }
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
    // SAFETY: the mapping is this ring's alone, as long as asked for, and stays until the socket
    // that keeps both is dropped. The numbers pushed may name anything in the UMEM, or nothing: no
    // reference leads into its memory, which is only copied to and from.
    unsafe { RingMemory::from_map(base, len_bytes, offsets, RingSize::DEFAULT) }.expect("a ring")
}

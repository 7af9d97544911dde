//! The simulated kernel's side of a socket.
#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering;

use crate::abi::{
    Desc, MmapOffsets, RING_NEED_WAKEUP, RingOffset, SockaddrXdp, Statistics, UmemReg, desc_options,
};
use crate::backend::RingKind;
use crate::errno::Errno;
use crate::ring::{AddressSlot, Consumer, DescSlot, Producer, RingMemory, RingSize, Slot};

/// Bytes that the kernel leaves free before a packet (XDP_PACKET_HEADROOM).
const HEADROOM: u64 = 256;

/// Descriptors that one kick sends, unless the socket has another budget.
const TRANSMIT_BUDGET: u32 = 32;

/// Every word of a ring on a cache line of its own, as the kernel lays them out.
pub(super) const RING_OFFSET: RingOffset = RingOffset {
    producer: 0,
    consumer: 64,
    flags: 128,
    desc: 192,
};

/// The layout of all four rings.
pub(super) const OFFSETS: MmapOffsets = MmapOffsets {
    rx: RING_OFFSET,
    tx: RING_OFFSET,
    fr: RING_OFFSET,
    cr: RING_OFFSET,
};

/// The kernel's side of one socket.
#[derive(Debug, Default)]
pub(super) struct KernelSocket {
    pub(super) umem: Option<UmemReg>,
    sizes: [Option<RingSize>; 4],
    raised_budget: Option<u32>,
    /// SO_PREFER_BUSY_POLL, SO_BUSY_POLL and SO_BUSY_POLL_BUDGET.
    pub(super) busy_poll: (bool, u32, u16),
    /// The memory of the rings, 8-byte aligned, freed with the socket.
    backing: Vec<Box<[u64]>>,
    fill: Option<Consumer<'static, AddressSlot>>,
    completion: Option<Producer<'static, AddressSlot>>,
    rx: Option<Producer<'static, DescSlot>>,
    tx: Option<Consumer<'static, DescSlot>>,
    /// For the flags words of the fill and the TX ring.
    flagged: [Option<RingMemory<'static, AddressSlot>>; 2],
    /// Frames in the hands of a zero-copy driver, to receive into.
    card: VecDeque<u64>,
    /// Whether a zero-copy driver's work on the TX ring, and on the fill ring, is scheduled.
    pub(super) scheduled: [bool; 2],
    pub(super) bound: Option<SockaddrXdp>,
    pub(super) statistics: Statistics,
}

impl KernelSocket {
    /// `setsockopt` of a ring's size: once, before `bind`, a power of two.
    pub(super) fn set_size(&mut self, ring: RingKind, slots: u32) -> Result<(), Errno> {
        if self.bound.is_some() {
            return Err(Errno::EBUSY);
        }
        let size = RingSize::new(slots).map_err(|_| Errno::EINVAL)?;
        let known = &mut self.sizes[ring as usize];
        if known.is_some() {
            return Err(Errno::EINVAL);
        }
        *known = Some(size);
        Ok(())
    }

    /// `setsockopt(XDP_MAX_TX_SKB_BUDGET)`: from 32 to what the TX ring holds.
    pub(super) fn set_transmit_budget(&mut self, budget: u32) -> Result<(), Errno> {
        let most = self.sizes[RingKind::Tx as usize].map_or(0, RingSize::slots);
        if !(TRANSMIT_BUDGET..=most).contains(&budget) {
            return Err(Errno::EACCES);
        }
        self.raised_budget = Some(budget);
        Ok(())
    }

    /// Descriptors that one kick sends.
    pub(super) fn transmit_budget(&self) -> u32 {
        self.raised_budget.unwrap_or(TRANSMIT_BUDGET)
    }

    /// `mmap` of a ring: allocates it and takes up the kernel's end.
    pub(super) fn map(&mut self, ring: RingKind, len_bytes: usize) -> Result<NonNull<u8>, Errno> {
        let size = self.sizes[ring as usize].ok_or(Errno::EINVAL)?;
        self.backing
            .push(vec![0u64; len_bytes.div_ceil(8)].into_boxed_slice());
        // The pointer is taken only once the box is in place: moving a box invalidates pointers
        // into it.
        let backing = self.backing.last_mut().ok_or(Errno::ENOMEM)?;
        let base = NonNull::new(backing.as_mut_ptr().cast::<u8>()).ok_or(Errno::ENOMEM)?;
        match ring {
            RingKind::Fill => {
                self.fill = Some(Consumer::new(share(base, len_bytes, size)?));
                self.flagged[0] = Some(share(base, len_bytes, size)?);
            }
            RingKind::Completion => {
                self.completion = Some(Producer::new(share(base, len_bytes, size)?));
            }
            RingKind::Rx => self.rx = Some(Producer::new(share(base, len_bytes, size)?)),
            RingKind::Tx => {
                self.tx = Some(Consumer::new(share(base, len_bytes, size)?));
                self.flagged[1] = Some(share(base, len_bytes, size)?);
                self.want(RingKind::Tx, true);
            }
        }
        Ok(base)
    }

    /// Sets or clears NEED_WAKEUP of the fill or the TX ring.
    pub(super) fn want(&self, ring: RingKind, is_wanted: bool) {
        if let Some(memory) = self.flagged[usize::from(ring == RingKind::Tx)] {
            let flags = if is_wanted { RING_NEED_WAKEUP } else { 0 };
            memory.flags().store(flags, Ordering::SeqCst);
        }
    }

    pub(super) fn wants(&self, ring: RingKind) -> bool {
        self.flagged[usize::from(ring == RingKind::Tx)]
            .is_some_and(|memory| memory.flags().load(Ordering::SeqCst) & RING_NEED_WAKEUP != 0)
    }

    /// A zero-copy driver takes frames off the fill ring until it has `size`. It shows that with
    /// the next packets. Returns how many are missing.
    pub(super) fn fill_card(&mut self, size: usize) -> usize {
        if let Some(fill) = self.fill.as_mut() {
            let missing = size.saturating_sub(self.card.len());
            self.card.extend((0..missing).map_while(|_| fill.pop()));
        }
        size.saturating_sub(self.card.len())
    }

    /// How many frames a zero-copy driver has to receive into.
    pub(super) fn card_len(&self) -> usize {
        self.card.len()
    }

    /// Ends a round of a zero-copy driver: shows the packets, and then the frames that it took for
    /// them (`xsk_flush`).
    pub(super) fn show(&mut self) {
        if let Some(rx) = self.rx.as_mut().filter(|rx| rx.uncommitted() > 0) {
            rx.commit();
            if let Some(fill) = self.fill.as_mut() {
                fill.release();
            }
        }
    }

    /// A packet arrives in a frame that the zero-copy driver has; [`show`](Self::show) shows it.
    /// False if it has none: the card drops the packet, and raises no interrupt.
    pub(super) fn deliver_zero_copy(&mut self, packet: &[u8]) -> bool {
        let (Some(umem), Some(rx)) = (self.umem, self.rx.as_mut()) else {
            return false;
        };
        let Some(address) = self.card.front() else {
            self.statistics.rx_dropped += 1;
            return false;
        };
        if rx.reserve(1) == 0 {
            self.statistics.rx_ring_full += 1;
            return true;
        }
        let desc = Desc {
            addr: (address & !(u64::from(umem.chunk_size) - 1)) + HEADROOM,
            len: packet.len() as u32,
            options: 0,
        };
        if !is_valid(&umem, &desc) {
            self.statistics.rx_invalid_descs += 1;
            return true;
        }
        write(&umem, &desc, packet);
        self.card.pop_front();
        let _ = rx.push(desc);
        true
    }

    /// Takes one packet off the TX ring: `Ok(None)` if there is none, EAGAIN if the completion ring
    /// has no room for its frame. A bad descriptor is counted and skipped.
    pub(super) fn take_packet(&mut self) -> Result<Option<Vec<u8>>, Errno> {
        let (Some(umem), Some(tx), Some(completion)) =
            (self.umem, self.tx.as_mut(), self.completion.as_mut())
        else {
            return Err(Errno::EINVAL);
        };
        while tx.peek(1) > 0 {
            if completion.reserve(1) == 0 {
                return Err(Errno::EAGAIN);
            }
            let Some(desc) = tx.pop() else { break };
            tx.release();
            if !is_valid(&umem, &desc) {
                self.statistics.tx_invalid_descs += 1;
                continue;
            }
            let packet = read(&umem, &desc);
            if completion.push(desc.addr).is_ok() {
                completion.commit();
            }
            return Ok(Some(packet));
        }
        Ok(None)
    }

    /// Whether a packet waits on the TX ring.
    pub(super) fn has_to_send(&mut self) -> bool {
        self.tx.as_mut().is_some_and(|tx| tx.peek(1) > 0)
    }

    /// Whether the TX ring is at most half full.
    pub(super) fn is_writable(&mut self) -> bool {
        self.tx
            .as_mut()
            .is_some_and(|tx| tx.available() <= tx.size() / 2)
    }

    /// Whether a packet would find a frame of the fill ring and a slot of the RX ring.
    pub(super) fn has_room(&mut self) -> bool {
        let (fill, rx) = (self.fill.as_mut(), self.rx.as_mut());
        fill.is_some_and(|fill| fill.peek(1) > 0) && rx.is_some_and(|rx| rx.reserve(1) > 0)
    }

    /// Delivers a packet into the next frame of the fill ring, or counts the reason why not.
    pub(super) fn deliver(&mut self, packet: &[u8]) {
        let (Some(umem), Some(fill), Some(rx)) = (self.umem, self.fill.as_mut(), self.rx.as_mut())
        else {
            return;
        };
        let len = packet.len() as u64;
        if len + HEADROOM > u64::from(umem.chunk_size) {
            self.statistics.rx_dropped += 1;
        } else if fill.peek(1) == 0 {
            self.statistics.rx_fill_ring_empty_descs += 1;
            self.statistics.rx_dropped += 1;
        } else if rx.reserve(1) == 0 {
            self.statistics.rx_ring_full += 1;
        } else if let Some(address) = fill.pop() {
            fill.release();
            let frame = address & !(u64::from(umem.chunk_size) - 1);
            let desc = Desc {
                addr: frame + HEADROOM,
                len: packet.len() as u32,
                options: 0,
            };
            if !is_valid(&umem, &desc) {
                self.statistics.rx_invalid_descs += 1;
                return;
            }
            write(&umem, &desc, packet);
            if rx.push(desc).is_ok() {
                rx.commit();
            }
        }
    }

    /// Whether packets wait on the RX ring.
    pub(super) fn has_received(&mut self) -> bool {
        self.rx.as_mut().is_some_and(|rx| rx.outstanding() > 0)
    }
}

/// The kernel's end of a ring in `backing` memory that lives as long as the socket.
fn share<S: Slot>(
    base: NonNull<u8>,
    len_bytes: usize,
    size: RingSize,
) -> Result<RingMemory<'static, S>, Errno> {
    // SAFETY: bounds and initialisation: `base` is the start of a zeroed box of at least
    // `len_bytes`; alignment is checked inside; lifetime: the box sits beside the ring's end in
    // `KernelSocket`, which is dropped as a whole; aliasing: both ends use atomics only.
    unsafe { RingMemory::from_map(base, len_bytes, &RING_OFFSET, size) }.map_err(|_| Errno::EINVAL)
}

/// Whether the packet lies inside one frame of the UMEM (`xp_aligned_validate_desc`).
fn is_valid(umem: &UmemReg, desc: &Desc) -> bool {
    let chunk = u64::from(umem.chunk_size);
    let offset = desc.addr & (chunk - 1);
    desc.len > 0
        && desc.options & !desc_options::PKT_CONTD == 0
        && offset + u64::from(desc.len) <= chunk
        && desc.addr < umem.len
}

/// A copy of the packet. The descriptor must be valid.
fn read(umem: &UmemReg, desc: &Desc) -> Vec<u8> {
    let mut packet = vec![0; desc.len as usize];
    let from: *const u8 = ptr::with_exposed_provenance((umem.addr + desc.addr) as usize);
    // SAFETY: bounds: the descriptor lies inside the registered region; the region is initialised
    // and outlives the socket, by the contract of `Memory` and `Umem`; aliasing: the frame is on
    // the TX ring, so the kernel's, which is this code.
    unsafe { ptr::copy_nonoverlapping(from, packet.as_mut_ptr(), packet.len()) };
    packet
}

/// Writes the packet where the descriptor says. The descriptor must be valid.
fn write(umem: &UmemReg, desc: &Desc, packet: &[u8]) {
    let to: *mut u8 = ptr::with_exposed_provenance_mut((umem.addr + desc.addr) as usize);
    // SAFETY: as in `read`; the frame came off the fill ring, so it is the kernel's.
    unsafe { ptr::copy_nonoverlapping(packet.as_ptr(), to, packet.len()) };
}

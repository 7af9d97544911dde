//! The rings by libxdp's inline functions, compiled from `libxdp.c`.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;

use xskit_core::abi::Desc;
use xskit_core::ring::Slot;

use crate::Ends;
use xskit_benches::ring_view::{RingView, RingViews};

/// `struct xsk_ring_prod` or `struct xsk_ring_cons`, of which only C knows the fields.
#[derive(Default)]
#[repr(C)]
struct RawRing([u64; 6]);

/// `struct rings` in `libxdp.c`.
#[derive(Default)]
#[repr(C)]
struct RawRings {
    fill: RawRing,
    completion: RawRing,
    rx: RawRing,
    tx: RawRing,
    wakes: u64,
}

type Open = unsafe extern "C" fn(
    ring: *mut RawRing,
    producer: *mut u32,
    consumer: *mut u32,
    flags: *mut u32,
    slots: *mut c_void,
    size: u32,
);

unsafe extern "C" {
    fn libxdp_open_producer(
        ring: *mut RawRing,
        producer: *mut u32,
        consumer: *mut u32,
        flags: *mut u32,
        slots: *mut c_void,
        size: u32,
    );
    fn libxdp_open_consumer(
        ring: *mut RawRing,
        producer: *mut u32,
        consumer: *mut u32,
        flags: *mut u32,
        slots: *mut c_void,
        size: u32,
    );
    fn libxdp_fill(rings: *mut RawRings, addresses: *const u64, batch: u32) -> u32;
    fn libxdp_completion(rings: *mut RawRings, addresses: *mut u64, batch: u32) -> u32;
    fn libxdp_rx(rings: *mut RawRings, packets: *mut Desc, batch: u32) -> u32;
    fn libxdp_tx(rings: *mut RawRings, packets: *const Desc, batch: u32) -> u32;
    fn libxdp_flags(rings: *mut RawRings);
    fn libxdp_round_trip(rings: *mut RawRings, batch: u32) -> u32;
    fn libxdp_forward(rings: *mut RawRings, batch: u32) -> u32;
}

/// Our ends of the four rings. Neither `Send` nor `Sync`: libxdp reads slots and flags with plain
/// loads, which is no race with atomics as long as it is one thread that does both.
pub struct Libxdp<'m> {
    rings: RawRings,
    memory: PhantomData<(RingViews<'m>, *mut ())>,
}

impl fmt::Debug for Libxdp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Libxdp").finish_non_exhaustive()
    }
}

fn open<S: Slot>(end: Open, view: &RingView<'_, S>) -> RawRing {
    let mut ring = RawRing::default();
    let size = view.memory().size().slots();
    // SAFETY: bounds and alignment: `ring` is as large as C asserts, the words and `size` slots are
    // those of the references in `view`; lifetime: `Libxdp` keeps that of the view; aliasing: words
    // and slots are atomics, so shared references may be written through, and one thread does it.
    unsafe {
        end(
            &mut ring,
            view.producer.as_ptr(),
            view.consumer.as_ptr(),
            view.flags.as_ptr(),
            view.slots.as_ptr().cast_mut().cast(),
            size,
        );
    }
    ring
}

// For all SAFETY comments below: the rings were opened over memory that lives for `'m` (bounds,
// alignment, lifetime: as in `open`), and the slice holds as many elements as C is told, of the
// same layout; `&mut self` and the borrow of the slice exclude other users of both (aliasing).
impl<'m> Ends<'m> for Libxdp<'m> {
    fn open(rings: &RingViews<'m>) -> Self {
        Self {
            rings: RawRings {
                fill: open(libxdp_open_producer, &rings.fill),
                completion: open(libxdp_open_consumer, &rings.completion),
                rx: open(libxdp_open_consumer, &rings.rx),
                tx: open(libxdp_open_producer, &rings.tx),
                wakes: 0,
            },
            memory: PhantomData,
        }
    }

    fn fill(&mut self, addresses: &[u64]) -> u32 {
        // SAFETY: as above.
        unsafe { libxdp_fill(&mut self.rings, addresses.as_ptr(), addresses.len() as u32) }
    }

    fn completion(&mut self, addresses: &mut [u64]) -> u32 {
        // SAFETY: as above.
        unsafe {
            libxdp_completion(
                &mut self.rings,
                addresses.as_mut_ptr(),
                addresses.len() as u32,
            )
        }
    }

    fn rx(&mut self, packets: &mut [Desc]) -> u32 {
        // SAFETY: as above.
        unsafe { libxdp_rx(&mut self.rings, packets.as_mut_ptr(), packets.len() as u32) }
    }

    fn tx(&mut self, packets: &[Desc]) -> u32 {
        // SAFETY: as above.
        unsafe { libxdp_tx(&mut self.rings, packets.as_ptr(), packets.len() as u32) }
    }

    fn flags(&mut self) {
        // SAFETY: as above.
        unsafe { libxdp_flags(&mut self.rings) }
    }

    fn round_trip(&mut self, batch: u32) -> u32 {
        // SAFETY: as above.
        unsafe { libxdp_round_trip(&mut self.rings, batch) }
    }

    fn forward(&mut self, batch: u32) -> u32 {
        // SAFETY: as above.
        unsafe { libxdp_forward(&mut self.rings, batch) }
    }
}

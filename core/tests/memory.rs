//! A UMEM releases its memory when it is dropped, but not while a leaked socket may receive into
//! it.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::mem::forget;
use std::ptr::NonNull;
use std::rc::Rc;

use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
use xskit_core::umem::{FrameSize, FrameSlot, Memory, Umem};
use xskit_core::{Socket, SocketConfig};

const FRAMES: usize = 8;

/// Memory that counts its drops.
struct Watched(HeapMemory, Rc<Cell<u32>>);

// SAFETY: the region is that of the heap memory inside, which lives as long and keeps the contract;
// `IS_UNMAPPED` is that memory's.
unsafe impl Memory for Watched {
    const IS_UNMAPPED: bool = HeapMemory::IS_UNMAPPED;

    fn region(&self) -> NonNull<[u8]> {
        self.0.region()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.1.set(self.1.get() + 1);
    }
}

fn watched(drops: &Rc<Cell<u32>>) -> Watched {
    Watched(HeapMemory::new(FRAMES * 4096), Rc::clone(drops))
}

#[test]
fn memory_goes_with_its_umem_or_when_it_is_replaced() {
    let backend = SimNetwork::new(WireConfig::perfect(), 1).backend();
    let drops = Rc::new(Cell::new(0));
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let umem = Umem::new(watched(&drops), &mut slots, FrameSize::DEFAULT);
    let mut umem = umem.expect("a UMEM");
    drop(Socket::open(&backend, &umem, &SocketConfig::new(1, 0)).expect("a socket"));
    assert_eq!(drops.get(), 0, "a socket closed");
    umem.replace_memory(watched(&drops)).expect("as much");
    assert_eq!(drops.get(), 1, "replaced");
    drop(umem);
    assert_eq!(drops.get(), 2, "the UMEM dropped");
}

#[test]
fn a_leaked_socket_keeps_the_memory_that_it_receives_into() {
    let network = SimNetwork::new(WireConfig::perfect(), 1);
    let backend = network.backend();
    for is_replaced in [false, true] {
        let drops = Rc::new(Cell::new(0));
        let mut slots = vec![FrameSlot::new(); FRAMES];
        let umem = Umem::new(watched(&drops), &mut slots, FrameSize::DEFAULT);
        let mut umem = umem.expect("a UMEM");
        let config = SocketConfig::new(1 + u32::from(is_replaced), 0);
        forget(Socket::open(&backend, &umem, &config).expect("a socket"));
        if is_replaced {
            umem.replace_memory(watched(&drops)).expect("as much");
            assert_eq!(drops.get(), 0, "the socket's memory stays");
        }
        drop(umem);
        // What replaced it was no socket's.
        assert_eq!(drops.get(), u32::from(is_replaced));
    }
}

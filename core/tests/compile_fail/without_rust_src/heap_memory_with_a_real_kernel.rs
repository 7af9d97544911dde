//! Memory that goes back to an allocator is for simulated kernels only: a real one may still write
//! there after the socket was closed.

use std::ptr::NonNull;
use std::time::Duration;

use xskit_core::abi::{MmapOffsets, Options, SockaddrXdp, Statistics};
use xskit_core::backend::{Backend, Calls, Interest, Kick, RingKind, SetOption};
use xskit_core::sim::HeapMemory;
use xskit_core::umem::{FrameSize, FrameSlot, Umem};
use xskit_core::{Errno, Socket, SocketConfig};

struct Real;

const NO: Errno = Errno::ENOSYS;

unsafe impl Backend for Real {
    type Socket = ();

    fn name(&self) -> &'static str {
        "real"
    }
    fn open(&self) -> Result<(), Errno> {
        Err(NO)
    }
    fn set_option(&self, _: &(), _: SetOption) -> Result<(), Errno> {
        Err(NO)
    }
    fn offsets(&self, _: &()) -> Result<MmapOffsets, Errno> {
        Err(NO)
    }
    fn statistics(&self, _: &()) -> Result<Statistics, Errno> {
        Err(NO)
    }
    fn options(&self, _: &()) -> Result<Options, Errno> {
        Err(NO)
    }
    fn map(&self, _: &(), _: RingKind, _: usize) -> Result<NonNull<u8>, Errno> {
        Err(NO)
    }
    unsafe fn unmap(&self, _: NonNull<u8>, _: usize) {}
    fn bind(&self, _: &(), _: &SockaddrXdp) -> Result<(), Errno> {
        Err(NO)
    }
    fn close(&self, _: ()) {}
    fn kick(&self, _: &(), _: Kick) -> Result<(), Errno> {
        Err(NO)
    }
    fn submit(&self) -> Result<(), Errno> {
        Err(NO)
    }
    fn wait(&self, _: &[(&(), Interest)], _: Option<Duration>) -> Result<usize, Errno> {
        Err(NO)
    }
    fn calls(&self) -> Calls {
        Calls::default()
    }
}

fn main() {
    let mut slots = vec![FrameSlot::new(); 1];
    let umem = Umem::new(HeapMemory::new(4096), &mut slots, FrameSize::DEFAULT).unwrap();
    let _ = Socket::open(&Real, &umem, &SocketConfig::new(1, 0));
    let _ = Socket::open_from(&Real, &umem, (), &SocketConfig::new(1, 0));
}

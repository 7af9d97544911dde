//! A backend without a kernel and a UMEM without memory: what runs per packet is linked here, and
//! never called. `black_box` keeps the optimiser from concluding anything from what they return.

use core::hint::black_box;
use core::ptr::NonNull;
use core::time::Duration;

use xskit_core::Errno;
use xskit_core::abi::{MmapOffsets, Options, SockaddrXdp, Statistics};
use xskit_core::backend::{Backend, Calls, Interest, Kick, RingKind, SetOption};
use xskit_core::umem::Memory;

/// Opens nothing.
pub struct Stub;

// SAFETY: `map` never succeeds, so it promises nothing.
unsafe impl Backend for Stub {
    type Socket = ();

    const IS_SIMULATED: bool = true;

    fn name(&self) -> &'static str {
        black_box("stub")
    }

    fn open(&self) -> Result<(), Errno> {
        Err(Errno::EPERM)
    }

    fn set_option(&self, (): &(), _option: SetOption) -> Result<(), Errno> {
        black_box(Ok(()))
    }

    fn offsets(&self, (): &()) -> Result<MmapOffsets, Errno> {
        Err(Errno::EPERM)
    }

    fn statistics(&self, (): &()) -> Result<Statistics, Errno> {
        black_box(Ok(Statistics::default()))
    }

    fn options(&self, (): &()) -> Result<Options, Errno> {
        black_box(Ok(Options::default()))
    }

    fn map(&self, (): &(), _ring: RingKind, _len_bytes: usize) -> Result<NonNull<u8>, Errno> {
        Err(Errno::EPERM)
    }

    unsafe fn unmap(&self, _base: NonNull<u8>, _len_bytes: usize) {}

    fn bind(&self, (): &(), _address: &SockaddrXdp) -> Result<(), Errno> {
        black_box(Ok(()))
    }

    fn close(&self, (): ()) {}

    fn kick(&self, (): &(), _kick: Kick) -> Result<(), Errno> {
        black_box(Ok(()))
    }

    fn submit(&self) -> Result<(), Errno> {
        black_box(Ok(()))
    }

    fn wait(
        &self,
        interests: &[(&(), Interest)],
        _timeout: Option<Duration>,
    ) -> Result<usize, Errno> {
        black_box(Ok(interests.len()))
    }

    fn calls(&self) -> Calls {
        black_box(Calls::default())
    }
}

/// No memory.
pub struct Empty;

// SAFETY: nothing can be read or written in a region of no bytes.
unsafe impl Memory for Empty {
    const IS_UNMAPPED: bool = false;

    fn region(&self) -> NonNull<[u8]> {
        black_box(NonNull::slice_from_raw_parts(NonNull::dangling(), 0))
    }
}

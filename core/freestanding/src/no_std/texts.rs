//! Error texts are formatted without an allocator.

use core::fmt::{self, Write};

use xskit_core::ring::RingSize;
use xskit_core::umem::{FrameSize, FrameSlot, Umem};
use xskit_core::{Errno, SocketConfig};
use xskit_wire::{Datagram, UdpChecksum};

use crate::area::{Area, StaticMemory};

static REGION: Area<8192> = Area::zeroed();

/// Counts the bytes written.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

pub fn run() -> Option<()> {
    let mut length = Length(0);
    write!(length, "{}", Errno::EBUSY).ok()?;
    write!(length, "{}", RingSize::new(3).err()?).ok()?;
    write!(length, "{}", FrameSize::new(3).err()?).ok()?;
    write!(
        length,
        "{}",
        Datagram::parse(&[], UdpChecksum::Ignore).err()?
    )
    .ok()?;
    let mut slots = [FrameSlot::new()];
    let too_much = Umem::new(StaticMemory::new(&REGION)?, &mut slots, FrameSize::DEFAULT).err()?;
    write!(length, "{too_much}").ok()?;
    write!(length, "{:?}", SocketConfig::new(1, 0)).ok()?;
    (length.0 > 200).then_some(())
}

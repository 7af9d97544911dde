//! The same jobs on the same memory, done by our rings, by libxdp's inline functions, and by
//! [`Socket`](xskit_core::Socket), which keeps account of every frame as well.
//!
//! | job | rings alone | with ownership |
//! | --- | --- | --- |
//! | each ring's operation on a batch | [`bare`], `libxdp` | [`socket`] |
//! | the round trip of a forwarder: RX to TX, completion to fill | [`bare`], `libxdp` | |
//! | that, and a look at the flags of TX and fill ring | [`bare`], `libxdp` | [`socket`] |
//!
//! [`kernel`] is the other end of all of them. Each job is a function of its own, never inlined, so
//! that a profiler counts it by name. `libxdp` is there (`cfg(libxdp)`) if `build.rs` found its
//! header.

pub mod bare;
pub mod kernel;
#[cfg(libxdp)]
pub mod libxdp;
pub mod socket;

use xskit_core::abi::Desc;

use xskit_benches::ring_view::RingViews;

/// The largest batch.
pub const MAX_BATCH: usize = 64;

/// The compiler of libxdp's side, if there is one.
pub const LIBXDP_COMPILER: Option<&str> = option_env!("XSKIT_RIVALS_CC");

/// What to say where libxdp is left out.
pub const LIBXDP_MISSING: &str =
    "libxdp left out: its header xdp/xsk.h was not found (libxdp-dev, libxdp-devel or xdp-tools)";

/// Our ends of the four rings, as the functions of one rival.
///
/// Each returns how many descriptors it passed. `rx` and `completion` hand them out into the slice,
/// `fill` and `tx` take them from there; a slice is a batch.
pub trait Ends<'m> {
    /// Takes up our ends where the words stand.
    fn open(rings: &RingViews<'m>) -> Self;

    /// Puts addresses on the fill ring.
    fn fill(&mut self, addresses: &[u64]) -> u32;

    /// Takes addresses off the completion ring.
    fn completion(&mut self, addresses: &mut [u64]) -> u32;

    /// Takes packets off the RX ring.
    fn rx(&mut self, packets: &mut [Desc]) -> u32;

    /// Puts packets on the TX ring.
    fn tx(&mut self, packets: &[Desc]) -> u32;

    /// Looks whether TX or fill ring ask for a wake-up.
    fn flags(&mut self);

    /// Received packets onto the TX ring, sent frames onto the fill ring.
    fn round_trip(&mut self, batch: u32) -> u32;

    /// As [`round_trip`](Self::round_trip), and looks at the flags.
    fn forward(&mut self, batch: u32) -> u32;

    /// A round trip by the five single jobs, through memory of the caller's.
    fn by_parts(&mut self, batch: u32) -> u32 {
        let (mut packets, mut addresses) = ([Desc::default(); MAX_BATCH], [0; MAX_BATCH]);
        let received = self.rx(&mut packets[..batch as usize]);
        let sent = self.tx(&packets[..received as usize]);
        self.flags();
        let completed = self.completion(&mut addresses[..batch as usize]);
        let filled = self.fill(&addresses[..completed as usize]);
        sent.min(filled)
    }
}

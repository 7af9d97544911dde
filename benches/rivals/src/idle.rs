//! A rival that does nothing: its time is the harness's.

use std::hint::black_box;

use xskit_benches::ring_view::RingViews;
use xskit_core::abi::Desc;

use crate::Ends;

/// Returns the requested number without passing anything.
#[derive(Debug)]
pub struct Idle;

#[inline(never)]
fn idle(batch: u32) -> u32 {
    black_box(batch)
}

impl<'m> Ends<'m> for Idle {
    fn open(_: &RingViews<'m>) -> Self {
        Self
    }

    fn fill(&mut self, addresses: &[u64]) -> u32 {
        idle(addresses.len() as u32)
    }

    fn completion(&mut self, addresses: &mut [u64]) -> u32 {
        idle(addresses.len() as u32)
    }

    fn rx(&mut self, packets: &mut [Desc]) -> u32 {
        idle(packets.len() as u32)
    }

    fn tx(&mut self, packets: &[Desc]) -> u32 {
        idle(packets.len() as u32)
    }

    fn flags(&mut self) {
        idle(0);
    }

    fn round_trip(&mut self, batch: u32) -> u32 {
        idle(batch)
    }

    fn forward(&mut self, batch: u32) -> u32 {
        idle(batch)
    }
}

//! The rings' own methods.

use xskit_core::abi::Desc;
use xskit_core::ring::{CompletionRing, FillRing, RxRing, TxRing};

macro_rules! export {
    ($(fn $name:ident($ring:ident: &mut $type:ty $(, $argument:ident: $kind:ty)?) -> $result:ty $body:block)*) => {
        $(
            #[doc = concat!("Exported: ", stringify!($body))]
            #[unsafe(no_mangle)]
            pub fn $name($ring: &mut $type $(, $argument: $kind)?) -> $result $body
        )*
    };
}

export! {
    fn fill_reserve(ring: &mut FillRing<'_>, wanted: u32) -> u32 { ring.reserve(wanted) }
    fn fill_push(ring: &mut FillRing<'_>, address: u64) -> bool { ring.push(address).is_ok() }
    fn fill_push_all(ring: &mut FillRing<'_>, addresses: &[u64]) -> bool { ring.push_all(addresses.iter().copied()).is_ok() }
    fn fill_push_from(ring: &mut FillRing<'_>, addresses: &[u64]) -> u32 { ring.push_from(addresses) }
    fn fill_commit(ring: &mut FillRing<'_>) -> () { ring.commit() }
    fn fill_outstanding(ring: &mut FillRing<'_>) -> u32 { ring.outstanding() }
    fn fill_needs_wakeup(ring: &mut FillRing<'_>) -> bool { ring.needs_wakeup() }
    fn tx_reserve(ring: &mut TxRing<'_>, wanted: u32) -> u32 { ring.reserve(wanted) }
    fn tx_push(ring: &mut TxRing<'_>, desc: Desc) -> bool { ring.push(desc).is_ok() }
    fn tx_push_all(ring: &mut TxRing<'_>, descs: &[Desc]) -> bool { ring.push_all(descs.iter().copied()).is_ok() }
    fn tx_push_from(ring: &mut TxRing<'_>, descs: &[Desc]) -> u32 { ring.push_from(descs) }
    fn tx_commit(ring: &mut TxRing<'_>) -> () { ring.commit() }
    fn tx_outstanding(ring: &mut TxRing<'_>) -> u32 { ring.outstanding() }
    fn tx_uncommitted(ring: &mut TxRing<'_>) -> u32 { ring.uncommitted() }
    fn tx_needs_wakeup(ring: &mut TxRing<'_>) -> bool { ring.needs_wakeup() }
    fn rx_peek(ring: &mut RxRing<'_>, wanted: u32) -> u32 { ring.peek(wanted) }
    fn rx_pop(ring: &mut RxRing<'_>) -> Option<Desc> { ring.pop() }
    fn rx_drain(ring: &mut RxRing<'_>, wanted: u32) -> u64 { ring.drain(wanted).map(|desc| desc.addr).sum() }
    fn rx_drain_into(ring: &mut RxRing<'_>, descs: &mut [Desc]) -> u32 { ring.drain_into(descs) }
    fn rx_release(ring: &mut RxRing<'_>) -> () { ring.release() }
    fn rx_available(ring: &mut RxRing<'_>) -> u32 { ring.available() }
    fn completion_peek(ring: &mut CompletionRing<'_>, wanted: u32) -> u32 { ring.peek(wanted) }
    fn completion_pop(ring: &mut CompletionRing<'_>) -> Option<u64> { ring.pop() }
    fn completion_drain(ring: &mut CompletionRing<'_>, wanted: u32) -> u64 { ring.drain(wanted).sum() }
    fn completion_drain_into(ring: &mut CompletionRing<'_>, addresses: &mut [u64]) -> u32 { ring.drain_into(addresses) }
    fn completion_release(ring: &mut CompletionRing<'_>) -> () { ring.release() }
}

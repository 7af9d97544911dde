//! Bare rings over the program's own words.

use core::array;
use core::sync::atomic::{AtomicU32, Ordering};

use xskit_core::abi::{Desc, RING_NEED_WAKEUP};
use xskit_core::ring::{
    AddressSlot, CompletionRing, Cursor, DescSlot, FillRing, RingMemory, RingSize, RxRing, TxRing,
};

pub fn run() -> Option<()> {
    let [producer, consumer] = [AtomicU32::new(u32::MAX), AtomicU32::new(u32::MAX)];
    let flags = AtomicU32::new(RING_NEED_WAKEUP);
    addresses(&producer, &consumer, &flags)?;
    descriptors(&producer, &consumer, &flags)?;
    let wrapped = Cursor::new(producer.load(Ordering::Relaxed));
    (wrapped.since(Cursor::new(u32::MAX)) == 5 && wrapped.slot(3) == 0).then_some(())
}

fn addresses(producer: &AtomicU32, consumer: &AtomicU32, flags: &AtomicU32) -> Option<()> {
    let slots: [AddressSlot; 4] = array::from_fn(|_| AddressSlot::default());
    let memory = RingMemory::new(producer, consumer, flags, &slots).ok()?;
    let (mut there, mut here) = (FillRing::new(memory), CompletionRing::new(memory));
    for address in 0..there.reserve(9) {
        there.push(u64::from(address) << 12).ok()?;
    }
    let full = there.push(0).is_err() && there.uncommitted() == there.size();
    let unseen = here.available() == 0;
    there.commit();
    let woken = there.needs_wakeup() && there.outstanding() == 4;
    let mut expected = (0..4).map(|address| Some(address << 12)).chain([None]);
    let in_order = here.peek(9) == 4 && (0..5).all(|_| Some(here.pop()) == expected.next());
    here.release();
    (full && unseen && woken && in_order && there.outstanding() == 0).then_some(())
}

fn descriptors(producer: &AtomicU32, consumer: &AtomicU32, flags: &AtomicU32) -> Option<()> {
    let slots: [DescSlot; 2] = array::from_fn(|_| DescSlot::default());
    let memory = RingMemory::new(producer, consumer, flags, &slots).ok()?;
    let (mut there, mut here) = (TxRing::new(memory), RxRing::new(memory));
    let desc = Desc {
        addr: 4096,
        len: 60,
        options: 0,
    };
    there.push(desc).ok()?;
    there.commit();
    let arrived = here.pop()? == desc;
    here.release();
    (arrived && here.size() == memory.size().slots() && RingSize::new(3).is_err()).then_some(())
}

//! The kernel shows a packet on one ring before it shows, on another, which frame it took for it.
//! Once more packets are shown, what it took for those before is.

use loom::sync::Arc;
use xskit_core::ring::{AddressSlot, DescSlot};

use crate::beside::spawn;
use crate::explore;
use crate::shared::{Numbered, Shared};

/// Packets that the kernel receives, each into a frame of the fill ring, one a batch.
const PACKETS: u64 = 2;

#[test]
fn what_the_kernel_took_is_shown_with_the_next_packets() {
    let seen = explore("packets shown before what was taken", || {
        let fill = Shared::<AddressSlot>::holding(2, PACKETS);
        let rx = Shared::<DescSlot>::new(2);
        let kernel = spawn({
            let (fill, rx) = (Arc::clone(&fill), Arc::clone(&rx));
            move |ready| {
                let (mut taking, mut showing) = (fill.consuming(), rx.producing());
                ready.set();
                for number in 1..=PACKETS {
                    assert!(taking.pop().is_some());
                    showing.push(DescSlot::value(number)).expect("room");
                    showing.commit();
                    taking.release();
                }
            }
        });
        let (mut lending, mut receiving) = (fill.producing(), rx.consuming());
        let mut packets = receiving.drain(1);
        let outcome = packets.next().map(|_| {
            let more = packets.shown().since(packets.last_position()) > 1;
            let (_, not_taken) = lending.not_taken();
            assert!(!more || not_taken < 2, "more is shown, and nothing taken");
            (more, not_taken)
        });
        drop(packets);
        kernel.join().expect("the kernel");
        outcome
    });
    assert!(
        seen.contains(&Some((false, 2))),
        "shown before it was taken"
    );
    assert!(seen.contains(&Some((true, 1))), "and once more is shown");
}

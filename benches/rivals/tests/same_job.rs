//! The rivals do the same job: what lies in the rings' memory afterwards is the same.

use std::sync::atomic::{AtomicU32, Ordering};

use xskit_benches::loopback::Loopback;
use xskit_benches::ring_view::{RingView, RingViews};
use xskit_benches::veth;
use xskit_core::abi::Desc;
use xskit_core::ring::{RingSize, Slot};
use xskit_core::umem::FrameSlot;
use xskit_rivals::Ends;
use xskit_rivals::bare::BareRings;
use xskit_rivals::kernel::Kernel;
use xskit_rivals::socket::{self, Forwarder};

/// Descriptors on their way.
const UNDER_WAY: u32 = 128;

/// Rings that are gone through more than once.
const SIZE: u32 = 256;

type Contents = (Vec<[u32; 2]>, Vec<u64>, Vec<Desc>);

/// The words of all rings, and the slots of those that addresses and packets pass.
fn contents(rings: &RingViews<'_>) -> Contents {
    fn words<S>(ring: &RingView<'_, S>) -> [u32; 2] {
        [ring.producer, ring.consumer].map(|word: &AtomicU32| word.load(Ordering::Relaxed))
    }
    let RingViews {
        fill,
        completion,
        rx,
        tx,
    } = rings;
    let words = vec![words(fill), words(completion), words(rx), words(tx)];
    let addresses = fill.slots.iter().chain(completion.slots).map(Slot::load);
    let packets = rx.slots.iter().chain(tx.slots).map(Slot::load);
    (words, addresses.collect(), packets.collect())
}

/// What lies there after many turns of every kind.
fn after<'m, E: Ends<'m>>(memory: &'m Loopback) -> Contents {
    let rings = memory.views().expect("its rings");
    let kernel = Kernel::new(rings);
    kernel.start(UNDER_WAY);
    let mut ends = E::open(&rings);
    for batch in [1, 16, 64, 3] {
        for _ in 0..50 {
            for job in [E::by_parts, E::round_trip, E::forward] {
                kernel.write_ahead(batch);
                kernel.publish(batch);
                assert_eq!(job(&mut ends, batch), batch, "not all went round");
            }
        }
    }
    // With nothing published nothing goes round; what is there goes round once.
    assert_eq!(ends.forward(16), 0);
    kernel.write_ahead(2);
    kernel.publish(2);
    assert_eq!((ends.forward(16), ends.forward(16)), (2, 0));
    contents(&rings)
}

fn memory() -> Loopback {
    Loopback::of_rings(RingSize::new(SIZE).expect("a power of two"))
}

#[test]
fn our_rings_pass_every_descriptor_round() {
    let (words, _, packets) = after::<BareRings<'_>>(&memory());
    let passed = 50 * 3 * (1 + 16 + 64 + 3) + 2;
    let (ahead, even) = ([passed + UNDER_WAY, passed], [passed, passed]);
    assert_eq!(words, [ahead, even, even, ahead]);
    assert!(packets.iter().all(|packet| packet.len == 64));
}

#[cfg(libxdp)]
#[test]
fn libxdp_leaves_the_same_behind_as_our_rings() {
    let theirs = after::<xskit_rivals::libxdp::Libxdp<'_>>(&memory());
    assert_eq!(theirs, after::<BareRings<'_>>(&memory()));
}

#[test]
fn a_socket_passes_as_many_and_loses_no_frame() {
    let (mut slots, backend) = (
        vec![FrameSlot::new(); socket::FRAMES],
        Loopback::never_kicked(),
    );
    let umem = veth::umem(&mut slots);
    let mut forwarder = Forwarder::open(&backend, &umem, UNDER_WAY);
    let kernel = Kernel::new(backend.views().expect("a socket is open"));
    for batch in [1, 16, 64, 3] {
        for _ in 0..50 {
            for job in [Forwarder::by_parts, Forwarder::forward] {
                kernel.write_ahead(batch);
                kernel.publish(batch);
                assert_eq!(job(&mut forwarder, batch), batch, "not all went round");
            }
        }
    }
    let socket = forwarder.socket();
    let at = socket.accounting();
    assert!(at.is_whole(), "{at:?}");
    let (receiver, transmitter) = socket.halves();
    let bad = receiver.bad_descriptors() + transmitter.bad_completions();
    assert_eq!((transmitter.in_flight(), bad), (UNDER_WAY.into(), 0));
}

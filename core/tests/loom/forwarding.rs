//! A frame goes round: received over one ring, sent over another, received into again.

use loom::sync::Arc;
use xskit_core::ring::{Consumer, DescSlot, Producer};

use crate::beside::{Ready, spawn};
use crate::explore;
use crate::shared::{Numbered, Shared};
use crate::traced::Traced;

/// How many packets the kernel receives.
const PACKETS: u64 = 2;

/// RX and TX rings of one slot each, and the one frame that all packets lie in.
#[derive(Debug)]
struct World {
    rx: Arc<Shared<DescSlot>>,
    tx: Arc<Shared<DescSlot>>,
    frame: Traced,
}

/// Receives a packet, and the next one when the frame is back. Returns how many were received and
/// which were sent.
fn receive_and_send(
    rx: &mut Producer<'_, DescSlot>,
    tx: &mut Consumer<'_, DescSlot>,
    frame: &Traced,
) -> (u64, Vec<u64>) {
    let mut received = 0;
    let mut sent = Vec::new();
    for _ in 0..=PACKETS {
        if sent.len() as u64 == received && received < PACKETS {
            received += 1;
            frame.write();
            rx.push(DescSlot::value(received)).expect("room");
            rx.commit();
        }
        if let Some(desc) = tx.pop() {
            frame.read();
            sent.push(DescSlot::number(desc));
            tx.release();
        }
    }
    (received, sent)
}

/// Changes each packet that is there and sends it on: with one frame, there is always room.
fn forward(world: &World, ready: Ready) {
    let (mut rx, mut tx) = (world.rx.consuming(), world.tx.producing());
    ready.set();
    for _ in 0..=PACKETS {
        if let Some(desc) = rx.pop() {
            rx.release();
            world.frame.write();
            tx.push(desc).expect("room");
            tx.commit();
        }
    }
}

#[test]
fn a_frame_goes_round_over_two_rings() {
    let back = explore("forwarding, back in time", || {
        let world = Arc::new(World {
            rx: Shared::new(1),
            tx: Shared::new(1),
            frame: Traced::default(),
        });
        let (mut rx, mut tx) = (world.rx.producing(), world.tx.consuming());
        let forwarding = spawn({
            let world = Arc::clone(&world);
            move |ready| forward(&world, ready)
        });
        let (received, mut sent) = receive_and_send(&mut rx, &mut tx, &world.frame);
        forwarding.join().expect("forwarding");
        let back = sent.len() as u64;
        sent.extend(world.tx.drain());
        sent.extend(world.rx.drain());
        assert_eq!(sent, (1..=received).collect::<Vec<_>>());
        back
    });
    assert_eq!(back, (0..=PACKETS).collect());
}

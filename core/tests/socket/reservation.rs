//! Slots of the TX ring that are asked for once a batch.

use xskit_core::Socket;
use xskit_core::sim::{SimNetwork, WireConfig};
use xskit_core::socket::SendErrorKind;
use xskit_core::umem::FrameSlot;

use super::{config, send_number, umem};

#[test]
fn a_reservation_is_as_long_as_the_ring_has_room() {
    let network = SimNetwork::new(WireConfig::perfect(), 5);
    let backend = network.backend();
    let mut slots = vec![FrameSlot::new(); 16];
    let umem = umem(&mut slots);
    let mut socket = Socket::open(&backend, &umem, &config(1, 4, 0)).expect("a socket");
    assert!(send_number(&mut socket, &umem, 0));
    let packet = || {
        let mut frame = umem.alloc().expect("a frame");
        frame.set_range(0..60).expect("inside the frame");
        frame
    };
    let (_, mut transmitter) = socket.halves();
    let mut reservation = transmitter.reserve(64);
    for left in [3, 2, 1] {
        assert_eq!((reservation.len(), reservation.is_empty()), (left, false));
        reservation.send(packet()).expect("a slot");
    }
    assert_eq!((reservation.len(), reservation.is_empty()), (0, true));
    let refused = reservation.send(packet()).expect_err("used up");
    assert_eq!(refused.kind, SendErrorKind::Full);
    drop(refused);
    assert!(transmitter.reserve(1).is_empty(), "the ring is full");

    // The kernel takes all, and what is asked for decides again; half of it is not used.
    socket.flush().expect("a kick");
    socket.recycle();
    let (_, mut transmitter) = socket.halves();
    assert_eq!(transmitter.reserve(3).len(), 3);
    let mut reservation = transmitter.reserve(2);
    reservation.send(packet()).expect("a slot");
    let refused = reservation
        .send(packet())
        .map(|()| reservation.send(packet()));
    assert_eq!(
        refused.expect("the second slot").map_err(|e| e.kind),
        Err(SendErrorKind::Full),
        "no more than were reserved"
    );
    let mut reservation = transmitter.reserve(64);
    assert_eq!(reservation.len(), 2);
    reservation.send(packet()).expect("a slot");
    assert_eq!(
        transmitter.reserve(64).len(),
        1,
        "the slot that was not used is free"
    );
    assert_eq!((transmitter.sent(), transmitter.waiting()), (7, 0));
    assert_eq!(socket.accounting().tx, 3);
    assert!(socket.accounting().is_whole());
    socket.flush().expect("a kick");
    socket.recycle();
    assert_eq!((umem.free(), socket.halves().1.completed()), (16, 7));
}

#[test]
fn a_slot_is_left_by_a_frame_that_a_reservation_refuses() {
    let network = SimNetwork::new(WireConfig::perfect(), 5);
    let backend = network.backend();
    let (mut slots_a, mut slots_b) = (vec![FrameSlot::new(); 4], vec![FrameSlot::new(); 4]);
    let (umem_a, umem_b) = (umem(&mut slots_a), umem(&mut slots_b));
    let mut socket = Socket::open(&backend, &umem_a, &config(1, 4, 0)).expect("a socket");
    let (_, mut transmitter) = socket.halves();
    let mut reservation = transmitter.reserve(1);
    let mut foreign = umem_b.alloc().expect("a frame");
    foreign.set_range(0..60).expect("inside the frame");
    let empty = reservation.alloc().expect("a frame");
    let refused = [foreign, empty].map(|frame| reservation.send(frame).expect_err("refused"));
    assert_eq!(
        refused.each_ref().map(|error| error.kind),
        [SendErrorKind::ForeignFrame, SendErrorKind::Empty]
    );
    assert_eq!(reservation.len(), 1);
    let [foreign, mut given_back] = refused.map(|error| error.frame);
    given_back.set_range(0..60).expect("inside the frame");
    reservation.send(given_back).expect("a slot");
    assert_eq!(transmitter.sent(), 1);
    drop(foreign);
    assert_eq!((umem_a.free(), umem_b.free()), (3, 4));
}

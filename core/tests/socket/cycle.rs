//! Packets from socket to socket, and the frames that carry them round.

use std::collections::BTreeSet;

use xskit_core::Socket;
use xskit_core::sim::{HeapMemory, SimBackend, SimNetwork, WireConfig};
use xskit_core::socket::SendErrorKind;
use xskit_core::umem::{FrameSize, FrameSlot, Umem};

use super::{config, number_of, send_number, umem};

#[test]
fn a_packet_crosses_the_wire_and_every_frame_is_accounted_for() {
    let network = SimNetwork::new(WireConfig::perfect(), 1);
    let backend = network.backend();
    let (mut slots_a, mut slots_b) = (vec![FrameSlot::new(); 8], vec![FrameSlot::new(); 8]);
    let (umem_a, umem_b) = (umem(&mut slots_a), umem(&mut slots_b));
    let mut a = Socket::open(&backend, &umem_a, &config(1, 8, 4)).expect("socket a");
    let mut b = Socket::open(&backend, &umem_b, &config(2, 8, 4)).expect("socket b");
    assert!(!a.obtained().zero_copy);
    assert_eq!(
        a.obtained().filled,
        4,
        "the fill ring is filled before bind"
    );

    assert!(send_number(&mut a, &umem_a, 7));
    assert_eq!(a.accounting().tx, 1);
    a.flush().expect("a kick");
    let at = a.accounting();
    assert_eq!(
        (at.tx, at.completion, at.stash, at.is_whole()),
        (0, 1, 3, true)
    );

    let received: Vec<_> = b.receive(64).collect();
    assert_eq!(received.len(), 1);
    assert_eq!(number_of(&received[0]), 7);
    let at = b.accounting();
    assert_eq!(
        (at.application, at.fill, at.rx, at.stash, at.is_whole()),
        (1, 3, 0, 4, true)
    );
    drop(received);
    b.recycle();
    a.recycle();
    for socket in [&mut a, &mut b] {
        let at = socket.accounting();
        assert_eq!((at.stash, at.fill, at.is_whole()), (4, 4, true));
    }
}

#[test]
fn a_million_forwarded_frames_stay_accounted_for() {
    const PACKETS: u64 = 1_000_000;
    let network = SimNetwork::new(WireConfig::perfect(), 2);
    let backend = network.backend();
    let (mut slots_a, mut slots_b) = (vec![FrameSlot::new(); 256], vec![FrameSlot::new(); 256]);
    let (umem_a, umem_b) = (umem(&mut slots_a), umem(&mut slots_b));
    let mut source = Socket::open(&backend, &umem_a, &config(1, 128, 128)).expect("source");
    let mut forwarder = Socket::open(&backend, &umem_b, &config(2, 128, 128)).expect("forwarder");
    let (mut sent, mut back) = (0, 0);
    while back < PACKETS {
        while sent < PACKETS && sent - back < 128 && send_number(&mut source, &umem_a, sent) {
            sent += 1;
        }
        source.flush().expect("a kick");
        forward(&mut forwarder);
        for frame in source.receive(64) {
            assert_eq!(
                number_of(&frame),
                back,
                "lost or out of order on a perfect wire"
            );
            back += 1;
        }
        source.recycle();
        if back.is_multiple_of(64) {
            assert!(
                forwarder.accounting().is_whole(),
                "{:?}",
                forwarder.accounting()
            );
            assert!(source.accounting().is_whole(), "{:?}", source.accounting());
        }
    }
    let (_, transmitter) = forwarder.halves();
    assert_eq!(
        (transmitter.sent(), transmitter.bad_completions()),
        (PACKETS, 0)
    );
}

/// One turn of RX-to-TX forwarding.
fn forward(socket: &mut Socket<'_, SimBackend>) {
    let (mut receiver, mut transmitter) = socket.halves();
    let mut reservation = transmitter.reserve(64);
    for frame in receiver.receive(reservation.len()) {
        reservation.send(frame).expect("a slot");
    }
    socket.flush().expect("a kick");
    socket.recycle();
}

#[test]
fn loss_reordering_and_duplication_lose_no_frame() {
    let accidents = WireConfig {
        loss_per_mille: 100,
        duplicate_per_mille: 100,
        reorder_per_mille: 300,
        depth: 8,
    };
    let network = SimNetwork::new(accidents, 3);
    let backend = network.backend();
    let (mut slots_a, mut slots_b) = (vec![FrameSlot::new(); 64], vec![FrameSlot::new(); 64]);
    let (umem_a, umem_b) = (umem(&mut slots_a), umem(&mut slots_b));
    let mut a = Socket::open(&backend, &umem_a, &config(1, 32, 16)).expect("socket a");
    let mut b = Socket::open(&backend, &umem_b, &config(2, 32, 32)).expect("socket b");
    let (mut seen, mut arrived, mut in_order) = (BTreeSet::new(), 0, true);
    let mut last = 0;
    for number in 0..10_000 {
        while !send_number(&mut a, &umem_a, number) {
            a.flush().expect("a kick");
            a.recycle();
        }
        a.flush().expect("a kick");
        for frame in b.receive(64) {
            let number = number_of(&frame);
            in_order &= number >= last;
            last = number;
            arrived += 1;
            seen.insert(number);
        }
        b.recycle();
        assert!(b.accounting().is_whole() && a.accounting().is_whole());
    }
    assert!(
        (8_500..9_500).contains(&seen.len()),
        "about a tenth is lost: {}",
        seen.len()
    );
    assert!(
        arrived > seen.len() + 500,
        "about a tenth comes twice: {arrived}"
    );
    assert!(!in_order, "some overtake others");
}

#[test]
fn a_frame_of_another_umem_is_refused_and_given_back() {
    let network = SimNetwork::new(WireConfig::perfect(), 4);
    let backend = network.backend();
    let (mut slots_a, mut slots_b) = (vec![FrameSlot::new(); 4], vec![FrameSlot::new(); 4]);
    let (umem_a, umem_b) = (umem(&mut slots_a), umem(&mut slots_b));
    let mut a = Socket::open(&backend, &umem_a, &config(1, 4, 0)).expect("socket a");
    let mut foreign = umem_b.alloc().expect("a frame");
    foreign.set_range(0..60).expect("inside the frame");
    let refused = a.send(foreign).expect_err("of another UMEM");
    assert_eq!(refused.kind, SendErrorKind::ForeignFrame);
    drop(refused);
    assert_eq!(umem_b.free(), 4);
}

#[test]
fn full_rings_and_empty_packets_give_the_frame_back() {
    let network = SimNetwork::new(WireConfig::perfect(), 5);
    let backend = network.backend();
    let mut slots = vec![FrameSlot::new(); 8];
    let umem = umem(&mut slots);
    let mut socket = Socket::open(&backend, &umem, &config(1, 2, 0)).expect("a socket");
    let empty = umem.alloc().expect("a frame");
    assert_eq!(
        socket.send(empty).map_err(|e| e.kind),
        Err(SendErrorKind::Empty)
    );
    assert!(send_number(&mut socket, &umem, 0));
    assert!(send_number(&mut socket, &umem, 1));
    let mut third = umem.alloc().expect("a frame");
    third.set_range(0..60).expect("inside the frame");
    assert_eq!(
        socket.send(third).map_err(|e| e.kind),
        Err(SendErrorKind::Full)
    );
    assert_eq!(socket.accounting().stash, 6);
    assert!(socket.accounting().is_whole());
}

#[test]
fn a_starved_fill_ring_drops_at_the_kernel_and_recovers() {
    let network = SimNetwork::new(WireConfig::perfect(), 8);
    let backend = network.backend();
    let (mut slots_a, mut slots_b) = (vec![FrameSlot::new(); 16], vec![FrameSlot::new(); 16]);
    let (umem_a, umem_b) = (umem(&mut slots_a), umem(&mut slots_b));
    let mut a = Socket::open(&backend, &umem_a, &config(1, 16, 0)).expect("socket a");
    let mut b = Socket::open(&backend, &umem_b, &config(2, 16, 2)).expect("socket b");
    for number in 0..5 {
        assert!(send_number(&mut a, &umem_a, number));
    }
    a.flush().expect("a kick");
    assert_eq!(
        b.statistics().expect("statistics").rx_fill_ring_empty_descs,
        3
    );
    assert_eq!(b.receive(16).count(), 2);
    b.recycle();
    assert!(send_number(&mut a, &umem_a, 9));
    a.flush().expect("a kick");
    let got: Vec<_> = b.receive(16).map(|frame| number_of(&frame)).collect();
    assert_eq!(got, [9]);
}

#[test]
fn a_packet_of_the_largest_mtu_fits_and_a_longer_one_is_counted() {
    let network = SimNetwork::new(WireConfig::perfect(), 9);
    let backend = network.backend();
    let (mut slots_a, mut slots_b) = (vec![FrameSlot::new(); 8], vec![FrameSlot::new(); 8]);
    let small = FrameSize::new(2048).expect("a frame size");
    let umem_a = umem(&mut slots_a);
    let umem_b = Umem::new(HeapMemory::new(8 * 2048), &mut slots_b, small).expect("a UMEM");
    let mut a = Socket::open(&backend, &umem_a, &config(1, 8, 0)).expect("socket a");
    let mut b = Socket::open(&backend, &umem_b, &config(2, 8, 4)).expect("socket b");
    // With an Ethernet header and two VLAN tags.
    let longest = small.largest_mtu() as usize + 22;
    for len in [longest, longest + 1] {
        let mut frame = umem_a.alloc().expect("a frame");
        frame.set_range(0..len).expect("inside the frame");
        a.send(frame).expect("room");
    }
    a.flush().expect("a kick");
    let received: Vec<_> = b.receive(8).map(|frame| frame.len()).collect();
    let counted = b.statistics().expect("statistics");
    assert_eq!(
        (received, counted.rx_dropped_otherwise()),
        (vec![longest], 1)
    );
}

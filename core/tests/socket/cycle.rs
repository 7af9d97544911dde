//! Packets from socket to socket, and the frames that carry them round.

use std::collections::BTreeSet;

use xskit_core::Socket;
use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
use xskit_core::umem::{FrameSize, FrameSlot, Umem};

use super::{config, network, number_of, packet, send, send_number, with_umems};

#[test]
fn a_packet_crosses_the_wire_and_every_frame_is_accounted_for() {
    with_umems(&network(), 8, |backend, [umem_a, umem_b]| {
        let mut a = Socket::open(backend, umem_a, &config(1, 8, 4)).expect("socket a");
        let mut b = Socket::open(backend, umem_b, &config(2, 8, 4)).expect("socket b");
        assert!(!a.obtained().zero_copy);
        let filled = a.obtained().filled;
        assert_eq!(filled, 4, "the fill ring is filled before bind");

        send(&mut a, umem_a, 1);
        assert_eq!(a.accounting().tx, 1);
        send_number(&mut a, umem_a, 7);
        let at = a.accounting();
        assert_eq!((at.tx, at.completion, at.stash), (0, 2, 2));
        assert!(at.is_whole());

        let received: Vec<_> = b.receive(64).collect();
        assert_eq!(received.len(), 2);
        assert_eq!(number_of(&received[1]), 7);
        let at = b.accounting();
        assert_eq!((at.application, at.fill, at.rx, at.stash), (2, 2, 0, 4));
        assert!(at.is_whole());
        drop(received);
        for socket in [&mut a, &mut b] {
            socket.recycle();
            let at = socket.accounting();
            assert_eq!((at.stash, at.fill, at.is_whole()), (4, 4, true));
        }
    });
}

#[test]
fn a_reservation_is_as_long_as_the_ring_has_room() {
    with_umems(&network(), 16, |backend, [umem]| {
        let mut socket = Socket::open(backend, umem, &config(1, 4, 0)).expect("a socket");
        send(&mut socket, umem, 1);
        let (_, mut transmitter) = socket.halves();
        let mut reservation = transmitter.reserve(64);
        for left in [3, 2, 1] {
            assert_eq!((reservation.len(), reservation.is_empty()), (left, false));
            reservation.send(packet(umem)).expect("a slot");
        }
        assert_eq!((reservation.len(), reservation.is_empty()), (0, true));
        assert!(reservation.send(packet(umem)).is_err(), "used up");
        assert!(transmitter.reserve(1).is_empty(), "the ring is full");

        // The kernel takes all, and what is asked for decides again.
        socket.flush().expect("a kick");
        socket.recycle();
        let (_, mut transmitter) = socket.halves();
        let mut reservation = transmitter.reserve(2);
        assert_eq!(reservation.len(), 2);
        reservation.send(packet(umem)).expect("a slot");
        let left = transmitter.reserve(64).len();
        assert_eq!(left, 3, "the slot that was not used is free");
        assert_eq!((transmitter.sent(), transmitter.waiting()), (5, 0));
        assert_eq!(socket.accounting().tx, 1);
    });
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
    with_umems(&network, 64, |backend, [umem_a, umem_b]| {
        let mut a = Socket::open(backend, umem_a, &config(1, 32, 16)).expect("socket a");
        let mut b = Socket::open(backend, umem_b, &config(2, 32, 32)).expect("socket b");
        let (mut seen, mut arrived, mut in_order) = (BTreeSet::new(), 0, true);
        let mut last = 0;
        for number in 0..10_000 {
            send_number(&mut a, umem_a, number);
            a.recycle();
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
        let distinct = seen.len();
        let about_a_tenth_is_lost = (8_500..9_500).contains(&distinct);
        assert!(about_a_tenth_is_lost, "{distinct}");
        assert!(arrived > distinct + 500, "about a tenth twice: {arrived}");
        assert!(!in_order, "some overtake others");
    });
}

#[test]
fn a_starved_fill_ring_drops_at_the_kernel_and_recovers() {
    with_umems(&network(), 16, |backend, [umem_a, umem_b]| {
        let mut a = Socket::open(backend, umem_a, &config(1, 16, 0)).expect("socket a");
        let mut b = Socket::open(backend, umem_b, &config(2, 16, 2)).expect("socket b");
        send(&mut a, umem_a, 5);
        a.flush().expect("a kick");
        let counted = b.statistics().expect("statistics");
        assert_eq!(counted.rx_fill_ring_empty_descs, 3);
        assert_eq!(b.receive(16).count(), 2);
        b.recycle();
        send_number(&mut a, umem_a, 9);
        let got: Vec<_> = b.receive(16).map(|frame| number_of(&frame)).collect();
        assert_eq!(got, [9]);
    });
}

#[test]
fn a_packet_of_the_largest_mtu_fits_and_a_longer_one_is_counted() {
    with_umems(&network(), 8, |backend, [umem_a]| {
        let mut slots = vec![FrameSlot::new(); 8];
        let small = FrameSize::new(2048).expect("a frame size");
        let umem_b = Umem::new(HeapMemory::new(8 * 2048), &mut slots, small).expect("a UMEM");
        let mut a = Socket::open(backend, umem_a, &config(1, 8, 0)).expect("socket a");
        let mut b = Socket::open(backend, &umem_b, &config(2, 8, 4)).expect("socket b");
        // With an Ethernet header and two VLAN tags.
        let longest = small.largest_mtu() as usize + 22;
        for len in [longest, longest + 1] {
            let mut frame = packet(umem_a);
            frame.set_range(0..len).expect("inside the frame");
            a.send(frame).expect("room");
        }
        a.flush().expect("a kick");
        let received: Vec<_> = b.receive(8).map(|frame| frame.len()).collect();
        let counted = b.statistics().expect("statistics");
        let dropped = counted.rx_dropped_otherwise();
        assert_eq!((received, dropped), (vec![longest], 1));
    });
}

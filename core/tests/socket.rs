//! The socket over the simulated kernel: the cycle of the frames, and what goes wrong.

use std::collections::BTreeSet;

use xskit_core::ring::RingSize;
use xskit_core::sim::{HeapMemory, SimBackend, SimNetwork, WireConfig};
use xskit_core::socket::{Accounting, SendErrorKind, Step, ZeroCopy};
use xskit_core::umem::{Census, Frame, FrameSize, FrameSlot, RangeError, Umem, UmemError};
use xskit_core::{Errno, Socket, SocketConfig};

const FRAME: usize = 4096;

type SimUmem<'s> = Umem<'s, HeapMemory>;
/// Moves one end of a frame's range.
type Move<'u> = fn(&mut Frame<'u>, usize) -> Result<(), RangeError>;

fn config(ifindex: u32, slots: u32, fill_frames: u32) -> SocketConfig {
    let size = RingSize::new(slots).expect("a power of two");
    let base = SocketConfig::new(ifindex, 0);
    SocketConfig {
        fill: size,
        completion: size,
        rx: size,
        tx: size,
        fill_frames: Some(fill_frames),
        ..base
    }
}

fn umem(slots: &mut [FrameSlot]) -> SimUmem<'_> {
    let memory = HeapMemory::new(slots.len() * FRAME);
    Umem::new(memory, slots, FrameSize::DEFAULT).expect("a UMEM")
}

/// Puts a packet that carries `number` on the TX ring, if there is a frame and a slot.
fn send_number<'u>(
    socket: &mut Socket<'u, SimBackend>,
    umem: &'u SimUmem<'_>,
    number: u64,
) -> bool {
    let Some(mut frame) = umem.alloc() else {
        return false;
    };
    frame.set_range(100..160).expect("inside the frame");
    frame[..8].copy_from_slice(&number.to_be_bytes());
    frame[8..].fill(number as u8);
    socket.halves().1.send(frame).is_ok()
}

fn number_of(packet: &[u8]) -> u64 {
    let number = u64::from_be_bytes(packet[..8].try_into().expect("eight bytes"));
    assert!(
        packet[8..].iter().all(|byte| *byte == number as u8),
        "a packet came out mixed up"
    );
    number
}

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
fn frames_are_whole_where_none_is_missing_and_no_ring_has_too_many() {
    let mut whole = Accounting::default();
    whole.stash = 1;
    whole.application = 2;
    whole.fill = 4;
    whole.rx = 8;
    whole.receiving = 16;
    whole.tx = 32;
    whole.completion = 64;
    whole.sending = 128;
    whole.elsewhere = 256;
    whole.retired = 512;
    whole.frames = 1023;
    assert!(whole.is_whole());
    let (mut missing, mut doubled) = (whole, whole);
    missing.frames = 1024;
    doubled.excess = 1;
    assert!(!missing.is_whole() && !doubled.is_whole());
}

#[test]
fn a_census_counts_every_owners_frames() {
    let mut census = Census::default();
    census.stash = 1;
    census.application = 2;
    census.receive = 4;
    census.transmit = 8;
    census.retired = 16;
    assert_eq!(census.total(), 31);
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

#[test]
fn closing_retires_what_the_kernel_had_and_frees_the_queue() {
    let network = SimNetwork::new(WireConfig::perfect(), 10);
    let backend = network.backend();
    let mut slots = vec![FrameSlot::new(); 32];
    let umem = umem(&mut slots);
    for round in 1..=3 {
        let mut socket = Socket::open(&backend, &umem, &config(1, 8, 8)).expect("a socket");
        assert!(send_number(&mut socket, &umem, 1));
        let kept = umem.alloc().expect("a frame");
        drop(socket);
        let census = umem.census();
        assert_eq!((network.open_sockets(), census.retired), (0, 9 * round));
        assert_eq!((census.stash, census.application), (32 - 9 * round - 1, 1));
        drop(kept);
        assert_eq!((umem.free(), umem.census().total()), (32 - 9 * round, 32));
    }
    let mut socket = Socket::open(&backend, &umem, &config(1, 8, 8)).expect("what is left");
    assert_eq!(
        (socket.obtained().filled, socket.accounting().is_whole()),
        (5, true)
    );
}

#[test]
fn a_umem_that_is_used_up_is_an_error_until_its_memory_is_replaced() {
    let network = SimNetwork::new(WireConfig::perfect(), 13);
    let backend = network.backend();
    let mut slots = vec![FrameSlot::new(); 8];
    let mut umem = umem(&mut slots);
    for left in [4, 0] {
        drop(Socket::open(&backend, &umem, &config(1, 8, 4)).expect("frames are left"));
        assert_eq!((umem.free(), umem.census().retired), (left, 8 - left));
    }
    let error = Socket::open(&backend, &umem, &config(1, 8, 4)).expect_err("none is left");
    assert_eq!(error.step, Step::Frames { retired: 8 });
    assert!(error.to_string().contains("had 8 when"), "{error}");
    assert_eq!(network.open_sockets(), 0);

    let error = umem.replace_memory(HeapMemory::new(7 * FRAME));
    let (frames, present) = (7, 8);
    assert_eq!(error, Err(UmemError::OtherFrames { frames, present }));
    assert_eq!(umem.census().retired, 8);
    umem.replace_memory(HeapMemory::new(8 * FRAME))
        .expect("as much");
    let mut socket = Socket::open(&backend, &umem, &config(1, 8, 4)).expect("all are free");
    assert_eq!(socket.obtained().filled, 4);
    assert!(send_number(&mut socket, &umem, 1));
    socket.flush().expect("a kick");
    assert!(socket.accounting().is_whole());
    assert_eq!(socket.accounting().retired, 0);
}

#[test]
fn a_leaked_socket_keeps_the_memory_that_was_replaced() {
    let network = SimNetwork::new(WireConfig::perfect(), 14);
    let backend = network.backend();
    let (mut slots_a, mut slots_b) = (vec![FrameSlot::new(); 8], vec![FrameSlot::new(); 8]);
    let (mut umem_a, umem_b) = (umem(&mut slots_a), umem(&mut slots_b));
    std::mem::forget(Socket::open(&backend, &umem_a, &config(1, 8, 8)).expect("socket a"));
    umem_a
        .replace_memory(HeapMemory::new(8 * FRAME))
        .expect("as much");
    let before: Vec<_> = std::iter::from_fn(|| umem_a.alloc()).collect();
    assert_eq!(before.len(), 8);
    // The kernel delivers into the leaked socket's frames, and none of these.
    let mut b = Socket::open(&backend, &umem_b, &config(2, 8, 0)).expect("socket b");
    assert!(send_number(&mut b, &umem_b, 1));
    b.flush().expect("a kick");
    for mut frame in before {
        assert!(frame.buffer_mut().iter().all(|byte| *byte == 0));
    }
}

#[test]
fn a_live_backend_and_its_socket_print_little() {
    let network = SimNetwork::new(WireConfig::perfect(), 15);
    let backend = network.backend();
    let mut slots = vec![FrameSlot::new(); 64];
    let umem = umem(&mut slots);
    let mut socket = Socket::open(&backend, &umem, &config(1, 64, 32)).expect("a socket");
    assert!(send_number(&mut socket, &umem, 1));
    let printed = [
        format!("{network:?}"),
        format!("{backend:?}"),
        format!("{:?}", socket.handle()),
        format!("{socket:?}"),
        format!("{umem:?}"),
    ];
    for text in printed {
        assert!(text.len() < 4096, "{} bytes: {text}", text.len());
    }
}

#[test]
fn a_leaked_socket_leaks_its_memory_rather_than_handing_it_out() {
    let network = SimNetwork::new(WireConfig::perfect(), 11);
    let backend = network.backend();
    let (mut slots_a, mut slots_b) = (vec![FrameSlot::new(); 8], vec![FrameSlot::new(); 8]);
    let umem_b = umem(&mut slots_b);
    {
        let umem_a = umem(&mut slots_a);
        std::mem::forget(Socket::open(&backend, &umem_a, &config(1, 8, 8)).expect("socket a"));
    }
    // The kernel still delivers into the leaked socket's frames: that memory must still be there.
    let mut b = Socket::open(&backend, &umem_b, &config(2, 8, 0)).expect("socket b");
    assert!(send_number(&mut b, &umem_b, 1));
    b.flush().expect("a kick");
}

#[test]
fn failing_steps_are_named_and_undone() {
    let network = SimNetwork::new(WireConfig::perfect(), 12);
    let backend = network.backend();
    let (mut slots_a, mut slots_b) = (vec![FrameSlot::new(); 8], vec![FrameSlot::new(); 8]);
    let (umem_a, umem_b) = (umem(&mut slots_a), umem(&mut slots_b));
    let held = Socket::open(&backend, &umem_b, &config(2, 4, 4)).expect("socket b");
    let forced = SocketConfig {
        zero_copy: ZeroCopy::Force,
        ..config(1, 4, 4)
    };
    let cases = [
        (config(3, 4, 4), Errno::ENODEV, "no such interface"),
        (
            SocketConfig {
                queue: 9,
                ..config(1, 4, 4)
            },
            Errno::EINVAL,
            "queue 9 is not active",
        ),
        (
            config(2, 4, 4),
            Errno::EBUSY,
            "already bound by another socket",
        ),
        (forced, Errno::EOPNOTSUPP, "no zero-copy mode"),
    ];
    for (config, errno, text) in cases {
        let error = Socket::open(&backend, &umem_a, &config).expect_err("can't be opened");
        assert_eq!(error.errno, errno);
        assert!(matches!(error.step, Step::Bind { .. }));
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(
            (umem_a.free(), network.open_sockets()),
            (8, 1),
            "all is undone"
        );
    }
    let error = Socket::open(&backend, &umem_b, &config(1, 4, 4)).expect_err("in use");
    assert_eq!(error.step, Step::Claim);
    drop(held);
    drop(Socket::open(&backend, &umem_b, &config(2, 4, 4)).expect("the queue is free again"));
}

#[test]
fn a_umem_needs_a_frame_and_a_store_large_enough() {
    let mut slots = vec![FrameSlot::new(); 2];
    let size = FrameSize::new(65536).expect("a page of some machine");
    let error = Umem::new(HeapMemory::new(4096), &mut slots, size).expect_err("too small");
    assert_eq!(error, UmemError::NoFrame { size });
    let error = Umem::new(HeapMemory::new(3 * FRAME), &mut slots, FrameSize::DEFAULT);
    assert_eq!(
        error.err(),
        Some(UmemError::TooManyFrames {
            frames: 3,
            slots: 2
        })
    );
    for wrong in [0, 1024, 3000, 1 << 17] {
        assert!(FrameSize::new(wrong).is_err());
    }
}

#[test]
fn ranges_stay_inside_the_frame() {
    let mut slots = vec![FrameSlot::new(); 1];
    let umem = umem(&mut slots);
    let mut frame = umem.alloc().expect("a frame");
    assert!(umem.alloc().is_none());
    assert!(frame.is_empty());
    frame.set_range(4000..4096).expect("up to the end");
    assert!(frame.set_range(4000..4097).is_err());
    #[expect(clippy::reversed_empty_ranges, reason = "that is the point")]
    let backwards = 10..5;
    assert!(frame.set_range(backwards).is_err());
    assert_eq!(frame.range(), 4000..4096);
    assert_eq!(frame.buffer_mut().len(), FRAME);
}

#[test]
fn both_ends_of_a_frame_move_as_far_as_the_frame_and_the_packet_go() {
    let mut slots = vec![FrameSlot::new(); 2];
    let umem = umem(&mut slots);
    let _first = umem
        .alloc()
        .expect("a frame before it, whose bytes are not its own");
    let mut frame = umem.alloc().expect("a frame");
    for (cut, grow) in [
        (
            Frame::shrink_front as Move<'_>,
            Frame::grow_front as Move<'_>,
        ),
        (Frame::shrink_back, Frame::grow_back),
    ] {
        for range in [
            0..0,
            0..FRAME,
            0..10,
            100..160,
            FRAME - 7..FRAME,
            FRAME..FRAME,
        ] {
            frame.set_range(range.clone()).expect("inside the frame");
            for too_many in [range.len() + 1, FRAME + 1, u32::MAX as usize, usize::MAX] {
                assert!(cut(&mut frame, too_many).is_err(), "{range:?} {too_many}");
            }
            assert_eq!(frame.range(), range, "left alone");
            cut(&mut frame, range.len()).expect("all of it");
            assert!(frame.is_empty());
            grow(&mut frame, range.len()).expect("back again");
            assert_eq!(frame.range(), range);
        }
        frame.set_range(100..FRAME - 100).expect("inside the frame");
        for too_many in [101, FRAME, u32::MAX as usize, usize::MAX] {
            assert!(grow(&mut frame, too_many).is_err(), "{too_many}");
        }
        assert_eq!(frame.range(), 100..FRAME - 100);
        grow(&mut frame, 100).expect("to the end of the frame");
        cut(&mut frame, FRAME - 200).expect("to the last 100 bytes");
    }
    assert_eq!(frame.range(), 100..200);
    for len in [usize::MAX, FRAME, 101, 100] {
        frame.truncate(len);
        assert_eq!(frame.range(), 100..200, "{len}");
    }
    frame.truncate(7);
    assert_eq!(frame.range(), 100..107);
}

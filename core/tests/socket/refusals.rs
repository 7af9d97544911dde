//! What is refused: the error says what and why, and no frame is lost.

use xskit_core::abi::UmemReg;
use xskit_core::backend::{Backend, RingKind, SetOption};
use xskit_core::socket::{OpenError, SendErrorKind, Step, ZeroCopy};
use xskit_core::{Errno, Socket, SocketConfig};

use super::{config, network, packet, with_umems};

#[test]
fn a_frame_that_can_not_be_sent_is_given_back() {
    with_umems(&network(), 8, |backend, [umem, other]| {
        let mut socket = Socket::open(backend, umem, &config(1, 2, 0)).expect("a socket");
        let frames = || [packet(other), umem.alloc().expect("a free frame")];
        let why = [SendErrorKind::ForeignFrame, SendErrorKind::Empty];

        let refused = frames().map(|frame| socket.send(frame).expect_err("refused"));
        assert_eq!(refused.each_ref().map(|error| error.kind), why);
        drop(refused);
        assert_eq!((umem.free(), other.free()), (8, 8));

        // The slot of a reservation stays free.
        let (_, mut transmitter) = socket.halves();
        let mut reservation = transmitter.reserve(1);
        let refused = frames().map(|frame| reservation.send(frame).expect_err("refused"));
        assert_eq!(refused.each_ref().map(|error| error.kind), why);
        assert_eq!(reservation.len(), 1);
        let [_, mut given_back] = refused.map(|error| error.frame);
        given_back.set_range(0..60).expect("inside the frame");
        reservation.send(given_back).expect("a slot");
        let refused = reservation.send(packet(umem)).map_err(|error| error.kind);
        assert_eq!(refused, Err(SendErrorKind::Full));

        socket.send(packet(umem)).expect("the second slot");
        let refused = socket.send(packet(umem)).map_err(|error| error.kind);
        assert_eq!(refused, Err(SendErrorKind::Full));
        assert_eq!((umem.free(), other.free()), (6, 8));
        assert!(socket.accounting().is_whole());
    });
}

/// Compares an error with what it should be and say.
fn assert_refused(error: &OpenError, step: Step, errno: Errno, text: &str) {
    assert_eq!((error.step, error.errno), (step, errno), "{error}");
    assert!(error.to_string().contains(text), "{error}");
}

#[test]
fn a_socket_that_can_not_be_opened_is_undone() {
    let good = config(1, 4, 4);
    let [mut interface, mut queue, mut taken, mut forced] = [good; 4];
    interface.ifindex = 3;
    queue.queue = 9;
    taken.ifindex = 2;
    forced.zero_copy = ZeroCopy::Force;
    let cases = [
        (interface, Errno::ENODEV, "no such interface"),
        (queue, Errno::EINVAL, "queue 9 is not active"),
        (taken, Errno::EBUSY, "already bound by another socket"),
        (forced, Errno::EOPNOTSUPP, "no zero-copy mode"),
    ];
    let network = network();
    with_umems(&network, 8, |backend, [umem, other]| {
        let held = Socket::open(backend, other, &taken).expect("a socket");
        for (config, errno, text) in cases {
            let zero_copy_forced = config.zero_copy == ZeroCopy::Force;
            let error = Socket::open(backend, umem, &config).expect_err("refused");
            assert_refused(&error, Step::Bind { zero_copy_forced }, errno, text);
            assert_eq!((umem.free(), network.open_sockets()), (8, 1));
        }
        let error = Socket::open(backend, other, &good).expect_err("in use");
        assert_refused(&error, Step::Claim, Errno(0), "open_shared");
        drop(held);
        Socket::open(backend, other, &taken).expect("the queue is free again");
    });
}

#[test]
fn a_socket_that_can_not_share_is_undone() {
    let network = network();
    with_umems(&network, 64, |backend, [umem]| {
        let left = Socket::open(backend, umem, &config(1, 64, 16)).expect("the first socket");
        let right = left.open_shared(&config(2, 64, 16)).expect("the second");
        for (ifindex, errno, text) in [
            (1, Errno::EINVAL, "has this queue"),
            (2, Errno::EBUSY, ""),
            (9, Errno::ENODEV, "no such interface"),
        ] {
            let config = SocketConfig::new(ifindex, 0);
            let error = left.open_shared(&config).expect_err("refused");
            assert_refused(&error, Step::BindShared, errno, text);
            assert_eq!((umem.free(), network.open_sockets()), (32, 2));
        }
        drop(right);
    });
}

#[test]
fn a_given_handle_is_closed_with_what_is_refused() {
    let rx = SetOption::RingSize(RingKind::Rx, 64);
    let registered = SetOption::UmemReg(UmemReg {
        addr: 4096,
        len: 4096,
        chunk_size: 4096,
        ..UmemReg::default()
    });
    let (size, register) = (Step::Size(RingKind::Rx), Step::Register);
    let network = network();
    with_umems(&network, 64, |backend, [umem]| {
        let config = |ifindex| config(ifindex, 64, 16);
        let handle = || backend.open().expect("a handle");
        for (option, step, errno, text) in [
            (registered, register, Errno::EBUSY, "has a UMEM"),
            (rx, size, Errno::EINVAL, "has rings"),
        ] {
            let used = handle();
            backend.set_option(&used, option).expect("set");
            let error = Socket::open_from(backend, umem, used, &config(1)).expect_err("used");
            assert_refused(&error, step, errno, text);
            assert_eq!((umem.free(), network.open_sockets()), (64, 0));
        }
        let left = Socket::open_from(backend, umem, handle(), &config(1)).expect("the first");
        let right = left.open_shared_from(handle(), &config(2));
        let right = right.expect("the second");
        let error = Socket::open_from(backend, umem, handle(), &config(1)).expect_err("in use");
        assert_refused(&error, Step::Claim, Errno(0), "open_shared");
        let error = left.open_shared_from(handle(), &config(2));
        let error = error.expect_err("the queue is taken");
        assert_refused(&error, Step::BindShared, Errno::EBUSY, "");
        assert_eq!(network.open_sockets(), 2);
        drop(right);
    });
}

//! Several sockets over one UMEM, on the simulated kernel.

use xskit_core::abi::UmemReg;
use xskit_core::backend::{Backend, Interest, RingKind, SetOption};
use xskit_core::sim::{HeapMemory, SimBackend, SimDriver, SimNetwork, WireConfig};
use xskit_core::socket::{Step, ZeroCopy};
use xskit_core::umem::{FrameSize, FrameSlot, Umem};
use xskit_core::{Errno, Socket, SocketConfig};

const FRAMES: u32 = 64;

type SimSocket<'u> = Socket<'u, SimBackend>;

/// Half of the frames for both sockets together, so that some stay free.
fn config(ifindex: u32) -> SocketConfig {
    SocketConfig {
        fill_frames: Some(FRAMES / 4),
        ..SocketConfig::new(ifindex, 0)
    }
}

/// A network, and a UMEM that `work` opens sockets over.
fn with_umem(work: impl for<'u> FnOnce(&SimNetwork, &'u SimBackend, &'u Umem<'u, HeapMemory>)) {
    let network = SimNetwork::new(WireConfig::perfect(), 1);
    let mut slots = vec![FrameSlot::new(); FRAMES as usize];
    let memory = HeapMemory::new(FRAMES as usize * 4096);
    let umem = Umem::new(memory, &mut slots, FrameSize::DEFAULT).expect("a UMEM");
    let backend = network.backend();
    work(&network, &backend, &umem);
}

fn send(socket: &mut SimSocket<'_>, text: &[u8]) {
    let mut frame = socket.alloc().expect("a free frame");
    frame.set_range(300..300 + text.len()).expect("inside");
    frame.copy_from_slice(text);
    socket.send(frame).expect("room");
    socket.flush().expect("a kick");
}

/// What both sockets say of the frames, which is one truth.
fn whole(left: &mut SimSocket<'_>, right: &mut SimSocket<'_>) {
    let [one, other] = [left.accounting(), right.accounting()];
    assert!(one.is_whole() && other.is_whole(), "{one:?} {other:?}");
    let by_kernel = |at: xskit_core::socket::Accounting| {
        at.fill + at.rx + at.receiving + at.tx + at.completion + at.sending
    };
    assert_eq!(one.elsewhere, by_kernel(other));
    assert_eq!(other.elsewhere, by_kernel(one));
}

#[test]
fn a_frame_that_came_by_one_socket_leaves_by_another_as_it_is() {
    with_umem(|_, backend, umem| {
        let mut left = Socket::open(backend, umem, &config(1)).expect("the first socket");
        let mut right = left.open_shared(&config(2)).expect("the second");
        assert_eq!((left.obtained().filled, right.obtained().filled), (16, 16));
        whole(&mut left, &mut right);

        send(&mut left, b"there and back");
        let packet = right.receive(8).next().expect("a packet");
        let (number, at) = (packet.index(), packet.as_ptr());
        // Back on the wire that it came by, and out on the other one, without a copy.
        left.send(packet).expect("room on the other's ring");
        whole(&mut left, &mut right);
        left.flush().expect("a kick");
        let back = right.receive(8).next().expect("the same packet");
        assert_eq!(&back[..], b"there and back");
        assert_ne!(back.index(), number, "the first frame is still being sent");
        drop(back);
        whole(&mut left, &mut right);

        right.recycle();
        assert!(
            left.accounting().completion > 0,
            "what one socket sent does not come back by the other"
        );
        left.recycle();
        let frame = left.alloc().expect("a free frame");
        assert_eq!(frame.as_ptr().addr() % 4096, 0);
        assert_ne!(at.addr() % 4096, 0, "the packet lay after the headroom");
        drop(frame);
        whole(&mut left, &mut right);
    });
}

#[test]
fn forwarding_between_two_sockets_loses_no_frame() {
    with_umem(|network, backend, umem| {
        let mut left = Socket::open(backend, umem, &config(1)).expect("the first socket");
        let mut right = left.open_shared(&config(2)).expect("the second");
        for number in 0..20_000u32 {
            if number % 3 == 0
                && let Some(mut frame) = umem.alloc()
            {
                frame.set_range(0..60).expect("inside");
                frame.fill(number as u8);
                let _ = left.send(frame);
            }
            // On by the other socket, or back by the one that it came by, and some are dropped.
            let (from, to) = match number % 2 {
                0 => (&mut left, &mut right),
                _ => (&mut right, &mut left),
            };
            for packet in from.receive(4).skip(usize::from(number % 5 == 0)) {
                let _ = to.send(packet);
            }
            let packet = to.receive(1).next();
            let _ = packet.map(|packet| to.send(packet));
            left.recycle();
            right.recycle();
            left.flush().expect("kicks");
            right.flush().expect("kicks");
            if number % 7 == 0 {
                network.pass_time();
            }
            whole(&mut left, &mut right);
        }
        let received = [&mut left, &mut right].map(|socket| socket.halves().0.received());
        assert!(received.iter().all(|&count| count > 1000), "{received:?}");
        assert_eq!(left.halves().0.bad_descriptors(), 0);
        assert_eq!(right.halves().1.bad_completions(), 0);
    });
}

#[test]
fn closing_one_socket_keeps_the_others() {
    with_umem(|network, backend, umem| {
        let left = Socket::open(backend, umem, &config(1)).expect("the first socket");
        let mut right = left.open_shared(&config(2)).expect("the second");
        drop(left);
        let at = right.accounting();
        assert_eq!((at.retired, at.elsewhere, at.fill), (16, 0, 16));
        assert!(at.is_whole());

        // Any open socket identifies the UMEM to the kernel.
        let mut again = right.open_shared(&config(1)).expect("the third");
        send(&mut again, b"still here");
        assert_eq!(
            &right.receive(1).next().expect("a packet")[..],
            b"still here"
        );
        assert_eq!(right.accounting().retired, 16);
        whole(&mut again, &mut right);

        let refused = Socket::open(backend, umem, &config(1)).expect_err("the UMEM is in use");
        assert_eq!(refused.step, Step::Claim);
        assert!(refused.to_string().contains("open_shared"), "{refused}");
        drop((again, right));
        assert_eq!(network.open_sockets(), 0);
        Socket::open(backend, umem, &config(1)).expect("nobody has the UMEM any more");
    });
}

#[test]
fn sockets_open_on_handles_that_were_made_before() {
    with_umem(|network, backend, umem| {
        let handle = || backend.open().expect("a handle");
        let left = Socket::open_from(backend, umem, handle(), &config(1));
        let mut left = left.expect("the first socket");
        let right = left.open_shared_from(handle(), &config(2));
        let mut right = right.expect("the second");
        send(&mut left, b"by handle");
        let packet = right.receive(1).next().expect("a packet");
        assert_eq!(&packet[..], b"by handle");
        drop(packet);
        whole(&mut left, &mut right);

        // One that is refused is closed.
        let refused = Socket::open_from(backend, umem, handle(), &config(1));
        assert_eq!(refused.expect_err("in use").step, Step::Claim);
        let refused = left.open_shared_from(handle(), &config(2));
        assert_eq!(
            refused.expect_err("the queue is taken").step,
            Step::BindShared
        );
        assert_eq!(network.open_sockets(), 2);
    });
}

#[test]
fn a_handle_that_was_used_is_refused_and_closed() {
    with_umem(|network, backend, umem| {
        let rx = SetOption::RingSize(RingKind::Rx, 64);
        let registered = SetOption::UmemReg(UmemReg {
            addr: 4096,
            len: 4096,
            chunk_size: 4096,
            ..UmemReg::default()
        });
        let cases = [
            (registered, Step::Register, Errno::EBUSY, "has a UMEM"),
            (rx, Step::Size(RingKind::Rx), Errno::EINVAL, "has rings"),
        ];
        for (option, step, errno, says) in cases {
            let handle = backend.open().expect("a handle");
            backend.set_option(&handle, option).expect("set");
            let refused = Socket::open_from(backend, umem, handle, &config(1));
            let refused = refused.expect_err("used before");
            assert_eq!((refused.step, refused.errno), (step, errno));
            assert!(refused.to_string().contains(says), "{refused}");
            assert_eq!((umem.free(), network.open_sockets()), (FRAMES, 0));
        }
    });
}

#[test]
fn what_the_kernel_refuses_is_named_and_costs_no_frame() {
    with_umem(|network, backend, umem| {
        let mut left = Socket::open(backend, umem, &config(1)).expect("the first socket");
        for (ifindex, errno, says) in [
            (1, Errno::EINVAL, "has this queue"),
            (9, Errno::ENODEV, "no such interface"),
        ] {
            let refused = left.open_shared(&config(ifindex)).expect_err("refused");
            assert_eq!((refused.step, refused.errno), (Step::BindShared, errno));
            assert!(refused.to_string().contains(says), "{refused}");
        }
        assert_eq!((umem.free(), network.open_sockets()), (48, 1));

        let right = left.open_shared(&config(2)).expect("the second");
        let refused = left
            .open_shared(&config(2))
            .expect_err("the queue is taken");
        assert_eq!(
            (refused.step, refused.errno),
            (Step::BindShared, Errno::EBUSY)
        );
        drop(right);
        assert!(left.accounting().is_whole());
    });
}

#[test]
fn the_first_socket_says_the_mode_of_all() {
    for (zero_copy, is_obtained) in [(ZeroCopy::Force, true), (ZeroCopy::Refuse, false)] {
        with_umem(|network, backend, umem| {
            network.offer_zero_copy(SimDriver::VIRTIO_NET);
            let first = SocketConfig {
                zero_copy,
                ..config(1)
            };
            let left = Socket::open(backend, umem, &first).expect("the first socket");
            let right = left.open_shared(&config(2)).expect("the second");
            let modes = [&left, &right].map(|socket| socket.obtained().zero_copy);
            assert_eq!(modes, [is_obtained; 2]);
        });
    }
}

#[test]
fn one_wait_is_for_all() {
    with_umem(|_, backend, umem| {
        let mut left = Socket::open(backend, umem, &config(1)).expect("the first socket");
        let mut right = left.open_shared(&config(2)).expect("the second");
        let waits = |backend: &SimBackend| backend.calls().waits;
        fn wait<'u>(left: &mut SimSocket<'u>, right: &mut SimSocket<'u>) -> bool {
            Socket::wait_any(&mut [left, right], Interest::RECEIVE, None).expect("a wait")
        }
        assert!(!wait(&mut left, &mut right));
        assert_eq!(waits(backend), 1, "one call for both");

        // It sends what was put on either ring, and sees what comes on either.
        let frame = {
            let mut frame = left.alloc().expect("a free frame");
            frame.set_range(0..60).expect("inside");
            frame
        };
        left.send(frame).expect("room");
        assert!(wait(&mut left, &mut right));
        assert!(wait(&mut left, &mut right), "it is still there");
        assert_eq!(waits(backend), 2, "no call when a packet is there");
        assert_eq!(right.receive(8).count(), 1);

        let none: &mut [SimSocket<'_>] = &mut [];
        let refused = Socket::wait_any(none, Interest::RECEIVE, None);
        assert_eq!(refused, Err(Errno::EINVAL));
    });
}

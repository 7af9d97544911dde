//! Several sockets over one UMEM.

use xskit_core::Socket;
use xskit_core::backend::{Backend, Interest};
use xskit_core::sim::SimDriver;
use xskit_core::socket::{Accounting, ZeroCopy};
use xskit_core::{Errno, SocketConfig};

use super::{SimSocket, network, number_of, packet, send, send_number, with_umems};

/// Half of the frames for both sockets together, so that some stay free.
fn config(ifindex: u32) -> SocketConfig {
    super::config(ifindex, 64, 16)
}

/// What both sockets say of the frames, which is one truth.
fn whole(left: &mut SimSocket<'_>, right: &mut SimSocket<'_>) {
    let [one, other] = [left.accounting(), right.accounting()];
    assert!(one.is_whole() && other.is_whole(), "{one:?} {other:?}");
    let by_kernel =
        |at: Accounting| at.fill + at.rx + at.receiving + at.tx + at.completion + at.sending;
    assert_eq!(one.elsewhere, by_kernel(other));
    assert_eq!(other.elsewhere, by_kernel(one));
}

#[test]
fn a_frame_that_came_by_one_socket_leaves_by_another_as_it_is() {
    with_umems(&network(), 64, |backend, [umem]| {
        let mut left = Socket::open(backend, umem, &config(1)).expect("the first socket");
        let mut right = left.open_shared(&config(2)).expect("the second");
        assert_eq!((left.obtained().filled, right.obtained().filled), (16, 16));
        whole(&mut left, &mut right);

        send_number(&mut left, umem, 7);
        let packet = right.receive(8).next().expect("a packet");
        let number = packet.index();
        assert_ne!(packet.range().start, 0, "it lies after the headroom");
        // Back on the wire that it came by, and out on the other one, without a copy.
        left.send(packet).expect("room on the other's ring");
        whole(&mut left, &mut right);
        left.flush().expect("a kick");
        let back = right.receive(8).next().expect("the same packet");
        assert_eq!(number_of(&back), 7);
        assert_ne!(back.index(), number, "the first frame is still being sent");
        drop(back);
        whole(&mut left, &mut right);

        right.recycle();
        let at = left.accounting().completion;
        assert!(at > 0, "what one sent does not come back by the other");
        left.recycle();
        let frame = left.alloc().expect("a free frame");
        assert_eq!(frame.range(), 0..0);
        drop(frame);
        whole(&mut left, &mut right);
    });
}

#[test]
fn closing_one_socket_keeps_the_others() {
    let network = network();
    with_umems(&network, 64, |backend, [umem]| {
        let left = Socket::open(backend, umem, &config(1)).expect("the first socket");
        let mut right = left.open_shared(&config(2)).expect("the second");
        drop(left);
        let at = right.accounting();
        assert_eq!((at.retired, at.elsewhere, at.fill), (16, 0, 16));

        // Any open socket identifies the UMEM to the kernel.
        let mut again = right.open_shared(&config(1)).expect("the third");
        send_number(&mut again, umem, 3);
        let packet = right.receive(1).next().expect("a packet");
        assert_eq!(number_of(&packet), 3);
        drop(packet);
        assert_eq!(right.accounting().retired, 16);
        whole(&mut again, &mut right);
        drop((again, right));
        assert_eq!(network.open_sockets(), 0);
        Socket::open(backend, umem, &config(1)).expect("nobody has the UMEM any more");
    });
}

#[test]
fn sockets_open_on_handles_that_were_made_before() {
    with_umems(&network(), 64, |backend, [umem]| {
        let handle = || backend.open().expect("a handle");
        let left = Socket::open_from(backend, umem, handle(), &config(1));
        let mut left = left.expect("the first socket");
        let right = left.open_shared_from(handle(), &config(2));
        let mut right = right.expect("the second");
        send_number(&mut left, umem, 5);
        assert_eq!(
            right
                .receive(8)
                .map(|packet| number_of(&packet))
                .sum::<u64>(),
            5
        );
        whole(&mut left, &mut right);
    });
}

#[test]
fn the_first_socket_says_the_mode_of_all() {
    for (zero_copy, is_obtained) in [(ZeroCopy::Force, true), (ZeroCopy::Refuse, false)] {
        let network = network();
        network.offer_zero_copy(SimDriver::VIRTIO_NET);
        with_umems(&network, 64, |backend, [umem]| {
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
    with_umems(&network(), 64, |backend, [umem]| {
        let mut left = Socket::open(backend, umem, &config(1)).expect("the first socket");
        let mut right = left.open_shared(&config(2)).expect("the second");
        fn wait<'u>(left: &mut SimSocket<'u>, right: &mut SimSocket<'u>) -> bool {
            Socket::wait_any(&mut [left, right], Interest::RECEIVE, None).expect("a wait")
        }
        assert!(!wait(&mut left, &mut right));
        assert_eq!(backend.calls().waits, 1, "one call for both");

        // It sends what was put on either ring, and sees what comes on either.
        left.send(packet(umem)).expect("room");
        assert!(wait(&mut left, &mut right));
        assert!(wait(&mut left, &mut right), "it is still there");
        assert_eq!(backend.calls().waits, 2, "no call when a packet is there");
        assert_eq!(right.receive(8).count(), 1);
        send(&mut right, umem, 1);
        assert!(wait(&mut left, &mut right), "the second is asked as well");

        let none: &mut [SimSocket<'_>] = &mut [];
        let refused = Socket::wait_any(none, Interest::RECEIVE, None);
        assert_eq!(refused, Err(Errno::EINVAL));
    });
}

//! Sockets that fail to open, are closed or leaked, and what becomes of their frames.

use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
use xskit_core::socket::{Step, ZeroCopy};
use xskit_core::umem::{FrameSlot, UmemError};
use xskit_core::{Errno, Socket, SocketConfig};

use super::{FRAME, config, send_number, umem};

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

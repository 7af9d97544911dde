//! Sockets that are closed, and the memory that their kernel side keeps.

use xskit_core::Socket;
use xskit_core::sim::HeapMemory;
use xskit_core::socket::Step;
use xskit_core::umem::{FrameSlot, UmemError};

use super::{FRAME, config, network, send, umem, with_umems};

#[test]
fn a_umem_that_is_used_up_is_an_error_until_its_memory_is_replaced() {
    let network = network();
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
    send(&mut socket, &umem, 1);
    socket.flush().expect("a kick");
    assert!(socket.accounting().is_whole());
    assert_eq!(socket.accounting().retired, 0);
}

#[test]
fn a_live_backend_and_its_socket_print_little() {
    let network = network();
    with_umems(&network, 64, |backend, [umem]| {
        let mut socket = Socket::open(backend, umem, &config(1, 64, 32)).expect("a socket");
        send(&mut socket, umem, 1);
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
    });
}

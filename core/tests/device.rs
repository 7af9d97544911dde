//! A custom device below the simulated kernel.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use xskit_core::backend::Interest;
use xskit_core::sim::{Device, HeapMemory, SimBackend};
use xskit_core::socket::Step;
use xskit_core::umem::{FrameSize, FrameSlot, Umem};
use xskit_core::{Errno, Socket, SocketConfig};

const FRAMES: usize = 8;

/// What came in and is still there, what was sent, and how sending fails.
#[derive(Clone, Default)]
struct Probe {
    came_in: Rc<RefCell<Vec<Vec<u8>>>>,
    sent: Rc<RefCell<Vec<Vec<u8>>>>,
    failure: Rc<RefCell<Option<Errno>>>,
}

impl Device for Probe {
    fn receive(&mut self) -> Option<Vec<u8>> {
        self.came_in.borrow_mut().pop()
    }

    fn send(&mut self, packet: &[u8]) -> Result<(), Errno> {
        self.sent.borrow_mut().push(packet.to_vec());
        self.failure.borrow().map_or(Ok(()), Err)
    }
}

fn with_socket(probe: &Probe, work: impl FnOnce(&mut Socket<'_, SimBackend>)) {
    let backend = SimBackend::over_device(probe.clone());
    let mut slots = [const { FrameSlot::new() }; FRAMES];
    let umem = Umem::new(
        HeapMemory::new(FRAMES * 4096),
        &mut slots,
        FrameSize::DEFAULT,
    );
    let umem = umem.expect("a UMEM");
    let elsewhere = Socket::open(&backend, &umem, &SocketConfig::new(2, 0));
    let error = elsewhere.expect_err("there is one interface");
    assert_eq!(error.errno, Errno::ENODEV);
    assert!(matches!(error.step, Step::Bind { .. }));
    let mut socket = Socket::open(&backend, &umem, &SocketConfig::new(1, 0));
    work(socket.as_mut().expect("a socket"));
}

fn send(socket: &mut Socket<'_, SimBackend>, byte: u8) -> Result<(), Errno> {
    let mut frame = socket.alloc().expect("a free frame");
    frame.set_range(0..60).expect("inside");
    frame.fill(byte);
    socket.send(frame).expect("room");
    socket.flush()
}

#[test]
fn packets_wait_at_the_device_for_a_frame() {
    let probe = Probe::default();
    let packets: Vec<_> = (1..=100).map(|number| vec![number; 60]).collect();
    probe
        .came_in
        .borrow_mut()
        .extend(packets.iter().rev().cloned());
    with_socket(&probe, |socket| {
        let mut received = Vec::new();
        while socket
            .wait(Interest::RECEIVE, Some(Duration::ZERO))
            .expect("a wait")
        {
            received.extend(socket.receive(1).map(|packet| packet.to_vec()));
            socket.recycle();
        }
        assert_eq!(received, packets);
        assert_eq!(socket.statistics().expect("statistics").rx_dropped, 0);
    });
}

#[test]
fn what_fits_no_frame_is_dropped_and_counted() {
    let probe = Probe::default();
    let packets = [vec![2; 60], vec![1; 4096 - 255]];
    probe.came_in.borrow_mut().extend(packets);
    with_socket(&probe, |socket| {
        assert_eq!(
            socket.wait(Interest::RECEIVE, Some(Duration::ZERO)),
            Ok(true)
        );
        let received: Vec<_> = socket.receive(64).map(|packet| packet.to_vec()).collect();
        assert_eq!(received, [vec![2; 60]]);
        assert_eq!(socket.statistics().expect("statistics").rx_dropped, 1);
    });
}

#[test]
fn what_sending_fails_with_is_the_kicks() {
    let probe = Probe::default();
    with_socket(&probe, |socket| {
        assert_eq!(send(socket, 1), Ok(()));
        probe.failure.replace(Some(Errno::ENODEV));
        assert_eq!(send(socket, 2), Err(Errno::ENODEV));
        probe.failure.replace(None);
        assert_eq!(send(socket, 3), Ok(()));
        socket.recycle();
        let at = socket.accounting();
        assert!(at.is_whole(), "{at:?}");
    });
    let sent = probe.sent.borrow();
    assert_eq!(*sent, [vec![1; 60], vec![2; 60], vec![3; 60]]);
}

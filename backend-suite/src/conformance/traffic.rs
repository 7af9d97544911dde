//! Streams from one host to the other, through the public interface only.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use xskit_core::backend::Interest;
use xskit_core::umem::FrameSize;
use xskit_core::{Socket, SocketConfig};

use super::lab::{Buffers, Lab, Odd, Side, Stream};
use crate::RealBackend;
use crate::fixture::{MmapUmem, PATIENCE, drain, until};

const ROOM: Interest = Interest {
    receive: false,
    transmit: true,
};

/// An exchange. The default is xskxceiver's: 4,096 packets of 64 bytes, in batches of 64.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) packets: u32,
    pub(super) len: usize,
    pub(super) batch: u32,
    /// The largest number of packets under way: half of what the receiving device's ring holds,
    /// since some drivers refill theirs only when half of it is empty. More would be lost.
    pub(super) window: u32,
    pub(super) buffers: Buffers,
    /// Changes the configuration of both ends.
    pub(super) change: fn(&mut SocketConfig),
    /// Has the receiver wait for packets before each turn.
    pub(super) wait_to_receive: bool,
    /// Has the sender wait for room after each turn.
    pub(super) wait_to_send: bool,
    /// How every other packet differs. If it does, it must not arrive.
    pub(super) odd: Odd,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            packets: 4096,
            len: 64,
            batch: 64,
            window: 128,
            buffers: Buffers {
                frames: 2048,
                size: FrameSize::DEFAULT,
            },
            change: |_| (),
            wait_to_receive: false,
            wait_to_send: false,
            odd: Odd::Same,
        }
    }
}

/// The state that the two ends of an exchange share.
#[derive(Default)]
pub(super) struct Pace {
    is_open: AtomicBool,
    /// Packets that are through, including those that were to be dropped.
    through: AtomicU32,
}

impl Pace {
    /// Signals that the receiver is ready.
    pub(super) fn open(&self) {
        self.is_open.store(true, Ordering::Release);
    }

    pub(super) fn await_open(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_open.load(Ordering::Acquire) {
            assert!(Instant::now() < deadline, "there is no receiver");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Publishes the number of packets that are through.
    pub(super) fn advance(&self, through: u32) {
        self.through.store(through, Ordering::Release);
    }
}

/// Runs two tasks, each on its host, at the same time.
pub(super) fn both<B: RealBackend>(
    lab: &Lab<'_, B>,
    first: impl FnOnce() + Send,
    second: impl FnOnce() + Send,
) {
    thread::scope(|scope| {
        let other = scope.spawn(|| lab.host(Side::Second).run(second));
        lab.host(Side::First).run(first).expect("in the first host");
        match other.join() {
            Ok(done) => done.expect("in the second host"),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    });
}

/// Sends a stream from the first host to the second, where `receive` takes it.
pub(super) fn exchange<B: RealBackend>(
    lab: &Lab<'_, B>,
    plan: &Plan,
    receive: impl FnOnce(&mut Socket<'_, B>, &Stream, &Pace) + Send,
) {
    let mut stream = lab.stream(Side::First, plan.packets, plan.len);
    stream.odd = plan.odd;
    let pace = Pace::default();
    let send_only = |config: &mut SocketConfig| {
        (plan.change)(config);
        config.fill_frames = Some(0);
    };
    let sender = || {
        lab.open(Side::First, plan.buffers, send_only, |socket, umem| {
            send(socket, umem, &stream, plan, &pace);
        });
    };
    let receiver = || {
        lab.open(Side::Second, plan.buffers, plan.change, |socket, _| {
            receive(socket, &stream, &pace);
        });
    };
    both(lab, sender, receiver);
}

/// Sends the stream, and takes every frame back.
pub(super) fn send<'u, B: RealBackend>(
    socket: &mut Socket<'u, B>,
    umem: &'u MmapUmem<'_>,
    stream: &Stream,
    plan: &Plan,
    pace: &Pace,
) {
    pace.await_open();
    let deadline = Instant::now() + PATIENCE;
    let mut next = 0;
    while next < stream.packets {
        assert!(Instant::now() < deadline, "{next} packets sent, no more");
        let limit = pace.through.load(Ordering::Acquire) + plan.window;
        let end = limit.min(stream.packets).min(next + plan.batch);
        next += put(socket, umem, stream, next..end.max(next));
        socket.flush().expect("a kick");
        if plan.wait_to_send {
            assert_eq!(socket.wait(ROOM, Some(PATIENCE)), Ok(true), "room to send");
        }
        socket.recycle();
    }
    drain(socket).expect("a kick");
    assert_eq!(socket.halves().1.bad_completions(), 0);
    assert!(socket.accounting().is_whole(), "{:?}", socket.accounting());
}

/// Puts packets of these numbers on the TX ring while there are frames and slots. Returns how many.
pub(super) fn put<'u, B: RealBackend>(
    socket: &mut Socket<'u, B>,
    umem: &'u MmapUmem<'_>,
    stream: &Stream,
    numbers: std::ops::Range<u32>,
) -> u32 {
    let start = numbers.start;
    for number in numbers.clone() {
        let Some(mut frame) = umem.alloc() else {
            return number - start;
        };
        let packet = stream.packet(number);
        frame.set_range(0..packet.len()).expect("inside the frame");
        frame.copy_from_slice(&packet);
        if socket.send(frame).is_err() {
            return number - start;
        }
    }
    numbers.end - start
}

/// Takes the stream's packets as they come, until all are there.
pub(super) fn receive<B: RealBackend>(
    socket: &mut Socket<'_, B>,
    stream: &Stream,
    plan: &Plan,
    pace: &Pace,
) {
    pace.open();
    let mut next = 0;
    until(socket, |socket| {
        if plan.wait_to_receive {
            let waited = socket.wait(Interest::RECEIVE, Some(PATIENCE));
            assert_eq!(waited, Ok(true), "packets after {next}");
        }
        for packet in socket.receive(plan.batch) {
            if stream.has(&packet) {
                assert_eq!(*packet, *stream.packet(next), "packet {next}");
                next += stream.step();
            }
        }
        pace.advance(next);
        socket.recycle();
        socket.flush().expect("a wake");
        next >= stream.packets
    });
    assert_eq!(socket.halves().0.bad_descriptors(), 0);
    assert!(socket.accounting().is_whole(), "{:?}", socket.accounting());
}

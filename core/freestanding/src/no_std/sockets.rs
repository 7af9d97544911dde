//! A UMEM and a socket: every packet comes back, and every frame is accounted for.

use xskit_core::backend::{Backend, Interest};
use xskit_core::ring::RingSize;
use xskit_core::socket::{Patience, SendErrorKind, ZeroCopy};
use xskit_core::umem::{FrameSize, FrameSlot, Umem};
use xskit_core::{Socket, SocketConfig};

use crate::area::{Area, StaticMemory};
use crate::loopback::{Loopback, SLOTS};

const FRAMES: usize = 8;
static REGION: Area<{ FRAMES * 2048 }> = Area::zeroed();

pub fn run() -> Option<()> {
    let size = RingSize::new(SLOTS).ok()?;
    let config = SocketConfig {
        fill: size,
        completion: size,
        rx: size,
        tx: size,
        fill_frames: Some(4),
        zero_copy: ZeroCopy::Refuse,
        ..SocketConfig::new(1, 0)
    };
    let backend = Loopback::default();
    let mut slots = [const { FrameSlot::new() }; FRAMES];
    let memory = StaticMemory::new(&REGION)?;
    let umem = Umem::new(memory, &mut slots, FrameSize::new(2048).ok()?).ok()?;
    let mut socket = Socket::open(&backend, &umem, &config).ok()?;
    let obtained = socket.obtained();
    if obtained.zero_copy || obtained.filled != 4 || umem.free() != 4 {
        return None;
    }
    for number in 0..100 {
        there_and_back(&mut socket, &umem, number)?;
    }
    let waits = socket.wait(Interest::RECEIVE, None).ok()? && Patience::new(1).is_over(true);
    drop(socket);
    (!waits && umem.census().total() == 8 && backend.calls().kicks == 100).then_some(())
}

fn there_and_back<'u>(
    socket: &mut Socket<'u, Loopback>,
    umem: &'u Umem<'_, StaticMemory>,
    number: u8,
) -> Option<()> {
    let refused = socket.send(umem.alloc()?).err()?;
    let mut frame = refused.frame;
    frame.set_range(100..160).ok()?;
    frame.fill(number);
    let fits = refused.kind == SendErrorKind::Empty && frame.buffer_mut().len() == 2048;
    socket.send(frame).ok()?;
    socket.flush().ok()?;
    let (mut receiver, mut transmitter) = socket.halves();
    let mut packets = receiver.receive(8);
    let packet = packets.next()?;
    let same = packet.iter().all(|byte| *byte == number) && packet.len() == 60;
    drop((packets, packet));
    let counted = transmitter.reap() == 1 && transmitter.in_flight() == 0 && receiver.refill() == 1;
    let sound = receiver.bad_descriptors() + transmitter.bad_completions() == 0;
    (fits && same && counted && sound && socket.accounting().is_whole()).then_some(())
}

//! One turn of a program with a real socket: send, receive, or send back.

use xskit_core::{Backend, Socket};
use xskit_wire::swap_addresses;

/// Packets per turn.
pub const BATCH: u32 = 64;

/// Sends a batch of frames as they are, `len_bytes` of each.
///
/// # Panics
/// When a kick fails, or no frame is that large.
#[inline]
pub fn send<B: Backend>(socket: &mut Socket<'_, B>, len_bytes: usize) {
    let (_, mut transmitter) = socket.halves();
    let mut reservation = transmitter.reserve(BATCH);
    while !reservation.is_empty() {
        let Some(mut frame) = reservation.alloc() else {
            break;
        };
        frame.set_range(0..len_bytes).expect("inside the frame");
        reservation.send(frame).expect("a slot");
    }
    socket.flush().expect("a kick");
    socket.recycle();
}

/// Receives packets and drops them. Returns how many.
///
/// # Panics
/// When a wake fails.
#[inline]
pub fn receive<B: Backend>(socket: &mut Socket<'_, B>) -> u64 {
    let received = socket.receive(BATCH).count();
    socket.recycle();
    socket.flush().expect("a wake");
    received as u64
}

/// Sends packets back, in the frames that they came in. Returns how many.
///
/// # Panics
/// When a kick fails, or a packet is shorter than an Ethernet header.
#[inline]
pub fn send_back<B: Backend>(socket: &mut Socket<'_, B>) -> u64 {
    let (mut receiver, mut transmitter) = socket.halves();
    let before = transmitter.sent();
    let mut reservation = transmitter.reserve(BATCH);
    for mut packet in receiver.receive(reservation.len()) {
        swap_addresses(&mut packet).expect("an Ethernet header");
        reservation.send(packet).expect("a slot");
    }
    let sent = transmitter.sent() - before;
    socket.flush().expect("a kick");
    socket.recycle();
    sent
}

//! The rings by `Socket`, which passes every frame from owner to owner.

use std::mem;

use xskit_core::umem::{Frame, Umem};
use xskit_core::{Socket, SocketConfig};
use xskit_rustix::MmapMemory;

use crate::MAX_BATCH;
use xskit_benches::loopback::Loopback;
use xskit_benches::round_trip::PACKET_LEN;

/// Frames of the UMEM.
pub const FRAMES: usize = 4096;

/// A socket that sends back what it receives.
#[derive(Debug)]
pub struct Forwarder<'u> {
    socket: Socket<'u, Loopback>,
    /// Frames between two jobs of [`by_parts`](Self::by_parts).
    held: [Option<Frame<'u>>; MAX_BATCH],
}

impl<'u> Forwarder<'u> {
    /// Opens the backend's one socket, with `descriptors` frames on the fill and as many packets on
    /// the TX ring. Nothing may be kicked.
    ///
    /// # Panics
    /// When the backend has a socket already, or the UMEM is too small.
    #[must_use]
    pub fn open(backend: &'u Loopback, umem: &'u Umem<'u, MmapMemory>, descriptors: u32) -> Self {
        let config = SocketConfig {
            fill_frames: Some(descriptors),
            ..SocketConfig::new(1, 0)
        };
        let mut socket = Socket::open(backend, umem, &config).expect("the backend's first socket");
        for _ in 0..descriptors {
            let mut frame = umem.alloc().expect("a free frame");
            frame
                .set_range(0..PACKET_LEN as usize)
                .expect("inside the frame");
            socket
                .send(frame)
                .map_err(|refused| refused.kind)
                .expect("room");
        }
        socket.flush().expect("no kick");
        Self {
            socket,
            held: [const { None }; MAX_BATCH],
        }
    }

    /// The forwarder's whole turn.
    pub fn forward(&mut self, batch: u32) -> u32 {
        socket_forward(&mut self.socket, batch)
    }

    /// The same, a job at a time.
    pub fn by_parts(&mut self, batch: u32) -> u32 {
        let received = socket_receive(&mut self.socket, &mut self.held[..batch as usize]);
        let sent = socket_send(&mut self.socket, &mut self.held[..received as usize]);
        socket_flush(&mut self.socket);
        let reaped = socket_reap(&mut self.socket);
        let filled = socket_refill(&mut self.socket);
        sent.min(reaped).min(filled)
    }

    /// The socket, for its accounting.
    pub fn socket(&mut self) -> &mut Socket<'u, Loopback> {
        &mut self.socket
    }
}

#[inline(never)]
fn socket_forward(socket: &mut Socket<'_, Loopback>, batch: u32) -> u32 {
    let (mut receiver, mut transmitter) = socket.halves();
    let mut count = 0;
    let mut reservation = transmitter.reserve(batch);
    for packet in receiver.receive(reservation.len()) {
        if reservation.send(packet).is_err() {
            break;
        }
        count += 1;
    }
    if socket.flush().is_err() {
        return 0;
    }
    socket.recycle();
    count
}

#[inline(never)]
fn socket_receive<'u>(socket: &mut Socket<'u, Loopback>, held: &mut [Option<Frame<'u>>]) -> u32 {
    let mut count = 0;
    let packets = socket.receive(held.len() as u32);
    for (packet, place) in packets.zip(held) {
        // The place is empty. Forgotten, so that its check for a drop isn't counted.
        mem::forget(place.replace(packet));
        count += 1;
    }
    count
}

#[inline(never)]
fn socket_send<'u>(socket: &mut Socket<'u, Loopback>, held: &mut [Option<Frame<'u>>]) -> u32 {
    let mut count = 0;
    let (_, mut transmitter) = socket.halves();
    let mut reservation = transmitter.reserve(held.len() as u32);
    for place in held {
        let Some(packet) = place.take() else { break };
        if reservation.send(packet).is_err() {
            break;
        }
        count += 1;
    }
    count
}

#[inline(never)]
fn socket_flush(socket: &mut Socket<'_, Loopback>) -> bool {
    socket.flush().is_ok()
}

#[inline(never)]
fn socket_reap(socket: &mut Socket<'_, Loopback>) -> u32 {
    socket.halves().1.reap()
}

#[inline(never)]
fn socket_refill(socket: &mut Socket<'_, Loopback>) -> u32 {
    socket.halves().0.refill()
}

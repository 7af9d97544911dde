//! Frames and sockets.

use core::ops::Range;
use core::time::Duration;

use xskit_core::backend::Interest;
use xskit_core::socket::Accounting;
use xskit_core::umem::{Frame, RangeError, Umem};
use xskit_core::{Errno, Socket};

use crate::stub::{Empty, Stub};

/// Packets are read and dropped: each frame goes back to the stash.
#[unsafe(no_mangle)]
pub fn receive(socket: &mut Socket<'_, Stub>, max: u32) -> u64 {
    let packets = socket.receive(max);
    packets.map(|packet| sum(&packet)).sum()
}

fn sum(packet: &[u8]) -> u64 {
    packet.iter().map(|byte| u64::from(*byte)).sum()
}

/// Packets are sent as they came.
#[unsafe(no_mangle)]
pub fn forward(socket: &mut Socket<'_, Stub>) {
    let (mut receiver, mut transmitter) = socket.halves();
    let mut reservation = transmitter.reserve(64);
    for packet in receiver.receive(reservation.len()) {
        if reservation.send(packet).is_err() {
            break;
        }
    }
}

/// A frame from the stash, written and sent, or dropped.
#[unsafe(no_mangle)]
pub fn send<'u>(
    socket: &mut Socket<'u, Stub>,
    umem: &'u Umem<'_, Empty>,
    range: Range<usize>,
) -> bool {
    let Some(mut frame) = umem.alloc() else {
        return false;
    };
    if frame.set_range(range).is_err() {
        return false;
    }
    frame.fill(7);
    socket.send(frame).is_ok()
}

/// The whole frame, to write.
#[unsafe(no_mangle)]
pub fn buffer(frame: &mut Frame<'_>) -> usize {
    frame.buffer_mut().fill(0);
    frame.range().len() + frame.len() + frame.capacity()
}

/// Both ends of a packet moved, by any numbers.
#[unsafe(no_mangle)]
pub fn cut_and_grow(frame: &mut Frame<'_>, len_bytes: [usize; 5]) -> Result<(), RangeError> {
    let [front, back, before, after, kept] = len_bytes;
    frame.shrink_front(front)?;
    frame.shrink_back(back)?;
    frame.grow_front(before)?;
    frame.grow_back(after)?;
    frame.truncate(kept);
    Ok(())
}

/// The fill ring, topped up.
#[unsafe(no_mangle)]
pub fn refill(socket: &mut Socket<'_, Stub>) -> u32 {
    socket.halves().0.refill()
}

/// The completion ring, emptied.
#[unsafe(no_mangle)]
pub fn reap(socket: &mut Socket<'_, Stub>) -> u32 {
    socket.halves().1.reap()
}

/// The completion ring emptied, and the fill ring topped up.
#[unsafe(no_mangle)]
pub fn recycle(socket: &mut Socket<'_, Stub>) {
    socket.recycle();
}

/// Packets published, with the kicks that they call for.
#[unsafe(no_mangle)]
pub fn request(socket: &mut Socket<'_, Stub>) -> Result<bool, Errno> {
    socket.request()
}

/// The same, submitted.
#[unsafe(no_mangle)]
pub fn flush(socket: &mut Socket<'_, Stub>) -> Result<(), Errno> {
    socket.flush()
}

/// The core's part of waiting.
#[unsafe(no_mangle)]
pub fn wait(
    socket: &mut Socket<'_, Stub>,
    interest: Interest,
    timeout: Duration,
) -> Result<bool, Errno> {
    socket.wait(interest, Some(timeout))
}

/// The same for several.
#[unsafe(no_mangle)]
pub fn wait_any(
    sockets: &mut [Socket<'_, Stub>],
    interest: Interest,
    timeout: Duration,
) -> Result<bool, Errno> {
    Socket::wait_any(sockets, interest, Some(timeout))
}

/// The halves' counters.
#[unsafe(no_mangle)]
pub fn counts(socket: &mut Socket<'_, Stub>) -> u64 {
    let (receiver, mut transmitter) = socket.halves();
    let flags = receiver.needs_wakeup() ^ transmitter.needs_wakeup();
    receiver.bad_descriptors()
        ^ receiver.received()
        ^ transmitter.bad_completions()
        ^ transmitter.in_flight()
        ^ u64::from(transmitter.waiting())
        ^ u64::from(flags)
}

/// How many frames are free.
#[unsafe(no_mangle)]
pub fn free(umem: &Umem<'_, Empty>) -> u32 {
    umem.free()
}

/// Where every frame is.
#[unsafe(no_mangle)]
pub fn accounting(socket: &mut Socket<'_, Stub>) -> (Accounting, bool) {
    let accounting = socket.accounting();
    (accounting, accounting.is_whole())
}

//! What still has a branch to a panic, though one that is never taken: `reap` and `recycle` a slice of
//! the stash's spare capacity (in heapless), `request` and `flush` a division by the kick's budget.
//! A function moves to `sockets.rs` when it has none.

use xskit_core::{Errno, Socket};

use crate::loopback::Loopback;

/// The completion ring, emptied.
#[unsafe(no_mangle)]
pub fn reap(socket: &mut Socket<'_, Loopback>) -> u32 {
    socket.halves().1.reap()
}

/// The completion ring emptied, and the fill ring topped up.
#[unsafe(no_mangle)]
pub fn recycle(socket: &mut Socket<'_, Loopback>) {
    socket.recycle();
}

/// What was sent, shown to the kernel, with the kicks that this calls for.
#[unsafe(no_mangle)]
pub fn request(socket: &mut Socket<'_, Loopback>) -> Result<bool, Errno> {
    socket.request()
}

/// The same, submitted.
#[unsafe(no_mangle)]
pub fn flush(socket: &mut Socket<'_, Loopback>) -> Result<(), Errno> {
    socket.flush()
}

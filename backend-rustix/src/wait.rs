//! How the backend waits.

/// How [`RustixBackend`](crate::RustixBackend) waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// `ppoll(2)` on the sockets: the thread sleeps until a packet comes.
    #[default]
    Block,
    /// Never: a wait returns at once, so that the program looks at its rings again. Without busy
    /// polling that takes no system call; with it (SO_BUSY_POLL), each look drives the device by a
    /// `recvfrom(2)` of nothing. Every 65,536th look asks whether the interface is still there.
    Busy,
}

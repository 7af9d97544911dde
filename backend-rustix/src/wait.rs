//! How the backend waits.

/// How [`RustixBackend`](crate::RustixBackend) waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// `ppoll(2)` on the sockets: the thread sleeps until a packet comes.
    #[default]
    Block,
    /// Never: a wait returns at once, without a system call, so that the program looks at its rings
    /// again. With busy polling its flushes drive the device meanwhile
    /// ([`BusyPoll`](xskit_core::socket::BusyPoll)). Every 65,536th look asks whether the interface is
    /// still there.
    Busy,
}

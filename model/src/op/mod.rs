//! The steps that a program and a kernel can take, each as a value.

mod bytes;

use xskit_core::backend::RingKind;

/// A step of the program or of the kernel. An impossible step (no such frame, a closed socket, …)
/// does nothing, by definition, on the socket and on the oracle.
///
/// `held` is an index into the program's frames, and `pick` into the kernel's, the oldest first,
/// modulo their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Take a frame out of the stash, and write a packet of `len` bytes into it, unless zero.
    Alloc {
        /// Length of the packet in bytes.
        len: u16,
    },
    /// Set a held frame's range and fill the frame. A range beyond the frame is refused.
    Write {
        /// Which frame.
        held: u8,
        /// Where the range starts, in bytes.
        start: u16,
        /// How long it is, in bytes.
        len: u16,
    },
    /// Put a held frame on the TX ring.
    Send {
        /// Which frame.
        held: u8,
    },
    /// Reserve slots of the TX ring, take frames out of the stash and send a packet in each, until
    /// a frame cannot be taken or sent.
    Burst {
        /// How many at most.
        count: u8,
    },
    /// Drop a held frame.
    Drop {
        /// Which frame.
        held: u8,
    },
    /// Ask for packets, and take some of them off the iterator.
    Receive {
        /// For how many packets to ask.
        max: u8,
        /// How many of them to take.
        take: u8,
        /// Whether the frames are held or dropped at once.
        keep: bool,
    },
    /// Take packets off the iterator, hold them, and leak the iterator.
    Forget {
        /// For how many packets to ask.
        max: u8,
        /// How many of them to take.
        take: u8,
    },
    /// Lend frames to the kernel.
    Refill,
    /// Take sent frames back.
    Reap,
    /// Both of these, by the socket's own method.
    Recycle,
    /// Ask how many packets the TX ring takes.
    Room {
        /// Up to how many.
        wanted: u8,
    },
    /// Ask how many packets wait on the TX ring.
    Waiting,
    /// Show the kernel what was sent, and kick it if it asks for that.
    Flush(Answer),
    /// The same without submitting.
    Request(Answer),
    /// Wait for packets while there are none, on a backend of either kind.
    Wait {
        /// Whether the backend does nothing for the rings meanwhile
        /// ([`Sleep::Silent`](xskit_core::backend::Sleep)); otherwise it has the kernel look at
        /// both.
        is_silent: bool,
        /// Whether a packet comes before the timeout.
        is_woken: bool,
        /// The kernel's answer to kicks before or by the wait.
        answer: Answer,
    },
    /// Ask the socket where every frame is.
    Accounting,
    /// Make the other socket the current one, for the steps of program and kernel.
    Switch,
    /// Drop the socket.
    Close,
    /// Open the socket, over the UMEM of the other one if that is open. A step may fail. Opening an
    /// open socket must be refused.
    Open {
        /// The step that the kernel refuses.
        refused: Option<OpenStep>,
    },
    /// The kernel takes packets off the TX ring.
    KernelTakes {
        /// How many.
        count: u8,
    },
    /// The kernel completes packets it took, in any order.
    KernelCompletes {
        /// The first to complete.
        pick: u8,
        /// How many.
        count: u8,
    },
    /// The kernel takes frames off the fill ring.
    KernelTakesFill {
        /// How many.
        count: u8,
    },
    /// The kernel writes a packet into a frame it took, in any order, and puts it on the RX ring.
    KernelDelivers {
        /// Which frame.
        pick: u8,
        /// Where in the frame, in bytes; cut off to lie inside.
        start: u16,
        /// How long, in bytes; cut off to lie inside.
        len: u16,
    },
    /// The kernel takes frames off the fill ring and puts packets in them on the RX ring. It shows
    /// the packets before it shows what it took (`xsk_flush`, net/xdp/xsk.c).
    KernelDeliversEarly {
        /// How many.
        count: u8,
        /// Where in each frame, in bytes; cut off to lie inside.
        start: u16,
        /// How long, in bytes; cut off to lie inside.
        len: u16,
    },
    /// The kernel shows what it took for them.
    KernelSettles,
    /// The kernel sets or clears NEED_WAKEUP of the TX ring.
    KernelWantsKick(bool),
    /// The kernel sets or clears NEED_WAKEUP of the fill ring.
    KernelWantsWake(bool),
    /// A step on a ring with no socket around it.
    Ring(RingOp),
}

/// A step on a bare ring. The core has both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingOp {
    /// Ask the producing end for room.
    Reserve(u8),
    /// Write values.
    Push(u8),
    /// Write this many values at once, or none.
    PushAll(u8),
    /// Publish them.
    Commit,
    /// Ask for the number published and not released.
    Outstanding,
    /// Ask the consuming end for values.
    Peek(u8),
    /// Take values.
    Pop(u8),
    /// Take some of the values drained at once, and release their slots.
    Drain {
        /// For how many to ask.
        wanted: u8,
        /// How many to take.
        take: u8,
    },
    /// Drain this many at once, and leak the iterator.
    Leak(u8),
    /// Give their slots back.
    Release,
    /// Ask for the number that can be taken.
    Available,
}

/// The kernel's answer to a transmit kick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It takes nothing for now. Whether it succeeds or returns EAGAIN or EBUSY is the same to the
    /// core: backends don't report these.
    Later,
    /// It takes up to this many packets per call.
    Takes(u8),
    /// The call fails permanently, with EPERM.
    Fails,
}

/// A step of opening a socket that a kernel can refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as `xskit_core::socket::Step` has them")]
pub enum OpenStep {
    Create,
    Register,
    Size(RingKind),
    Offsets,
    Map(RingKind),
    Bind,
    /// The same, since a duplicate of the descriptor has bound the socket.
    BoundElsewhere,
    Confirm,
}

/// The four rings, in the order in which their sizes are set.
pub const RINGS: [RingKind; 4] = [
    RingKind::Fill,
    RingKind::Completion,
    RingKind::Rx,
    RingKind::Tx,
];

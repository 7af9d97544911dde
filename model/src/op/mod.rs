//! The steps that a program and a kernel can take, each as a value.

mod bytes;

use xskit_core::Errno;
use xskit_core::backend::{RingKind, Sleep};

/// A step of the program or of the kernel. One that can't happen (there is no such frame, the
/// socket is closed, …) does nothing, by definition, on the real thing as on the oracle.
///
/// `held` counts among the frames that the program holds, and `pick` among those in the kernel's
/// hands, from the oldest on and round and round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Take a frame out of the stash, and write a packet of `len` bytes into it, unless zero.
    Alloc {
        /// Length of the packet in bytes.
        len: u16,
    },
    /// Set a held frame's range and fill the frame. A range that leads out of the frame is refused.
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
    /// Reserve slots of the TX ring, take frames out of the stash and send a packet in each, until one
    /// can't be had or sent.
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
        /// Whether the frames are held from then on, or dropped at once.
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
    /// Wait for packets, with none there, on a backend of either kind.
    Wait {
        /// Whether the wait has the kernel look at the rings.
        sleep: Doze,
        /// Whether something comes before the time is over.
        is_woken: bool,
        /// What the kernel does when it is kicked before or by the wait.
        answer: Answer,
    },
    /// Have the socket say where every frame is.
    Accounting,
    /// Have the steps from now on be about the other one of two sockets, the program's and the
    /// kernel's.
    Switch,
    /// Drop the socket.
    Close,
    /// Open the socket, over the UMEM of the other one if that is open, with a step that fails, perhaps.
    /// While it is open it must be refused.
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
    /// The kernel takes frames off the fill ring and puts packets in them on the RX ring, which it
    /// shows before it shows what it took (`xsk_flush`, net/xdp/xsk.c).
    KernelDeliversEarly {
        /// How many.
        count: u8,
        /// Where in each frame, in bytes; cut off to lie inside.
        start: u16,
        /// How long, in bytes; cut off to lie inside.
        len: u16,
    },
    /// The kernel shows what it took for those.
    KernelSettles,
    /// The kernel sets or clears NEED_WAKEUP of the TX ring.
    KernelWantsKick(bool),
    /// The kernel sets or clears NEED_WAKEUP of the fill ring.
    KernelWantsWake(bool),
    /// A step on a ring with no socket around it.
    Ring(RingOp),
}

/// A step on a bare ring, both of whose ends are the core's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingOp {
    /// Ask the producing end for room.
    Reserve(u8),
    /// Write values.
    Push(u8),
    /// Write so many values at once, or none.
    PushAll(u8),
    /// Publish them.
    Commit,
    /// Ask how many were published and not released.
    Outstanding,
    /// Ask the consuming end for values.
    Peek(u8),
    /// Take values.
    Pop(u8),
    /// Take some of so many values at once, and give their slots back.
    Drain {
        /// For how many to ask.
        wanted: u8,
        /// How many to take.
        take: u8,
    },
    /// Ask for so many at once, and leak them.
    Leak(u8),
    /// Give their slots back.
    Release,
    /// Ask how many are there to be taken.
    Available,
}

/// What a wait does for the rings; as `xskit_core::backend::Sleep`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doze {
    /// It has the kernel look at both, as `poll(2)` does.
    Kicks,
    /// Nothing: what is owed is asked for before.
    Silent,
}

impl Doze {
    /// As a backend has it.
    #[must_use]
    pub const fn of_backend(self) -> Sleep {
        match self {
            Self::Kicks => Sleep::Kicks,
            Self::Silent => Sleep::Silent,
        }
    }
}

/// What the kernel does when it is kicked to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It succeeds, and takes nothing for now.
    Later,
    /// It takes up to so many packets a call, and says EAGAIN when some are left.
    Takes(u8),
    /// It takes nothing, and says this; none of them is an error of the program.
    Busy(Transient),
    /// The call fails for good, with EPERM.
    Fails,
}

/// The error numbers that tell a kick to come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the field's own names")]
pub enum Transient {
    Again,
    Busy,
    NoBuffers,
    NetDown,
    Interrupted,
}

impl Transient {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Again,
        Self::Busy,
        Self::NoBuffers,
        Self::NetDown,
        Self::Interrupted,
    ];

    /// The number.
    #[must_use]
    pub const fn errno(self) -> Errno {
        match self {
            Self::Again => Errno::EAGAIN,
            Self::Busy => Errno::EBUSY,
            Self::NoBuffers => Errno::ENOBUFS,
            Self::NetDown => Errno::ENETDOWN,
            Self::Interrupted => Errno::EINTR,
        }
    }
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

//! The ways in which `xskit` can drive a socket: backend and wait.

use crate::core::Place;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    /// The name in tables, which begins with the backend's.
    pub(crate) name: &'static str,
    /// The options on the command line, separated by spaces.
    pub(crate) options: &'static str,
    /// A thread of the kernel works for it, and needs a processor of its own.
    has_kernel_thread: bool,
}

/// All of them; a run leaves out those that the program at hand doesn't know.
pub(crate) const ALL: [Variant; 8] = [
    BASELINE,
    Variant::new("rustix busy", "--backend=rustix --wait=busy"),
    Variant::new("uring block", "--backend=uring --wait=block"),
    Variant::new("uring poll", "--backend=uring --wait=poll"),
    Variant::new("uring multishot", "--backend=uring --wait=multishot"),
    Variant::new("uring busy", "--backend=uring --wait=busy"),
    Variant::new("uring napi", "--backend=uring --wait=napi"),
    Variant {
        has_kernel_thread: true,
        ..Variant::new("uring sqpoll", "--backend=uring --wait=busy --sqpoll")
    },
];

/// The one that all others are compared with.
pub(crate) const BASELINE: Variant = Variant::new("rustix block", "--backend=rustix --wait=block");

impl Variant {
    const fn new(name: &'static str, options: &'static str) -> Self {
        Self {
            name,
            options,
            has_kernel_thread: false,
        }
    }

    /// Where it runs, if it is to be at `place`.
    pub(crate) const fn place(&self, place: Place) -> Place {
        if self.has_kernel_thread {
            Place::Anywhere
        } else {
            place
        }
    }
}

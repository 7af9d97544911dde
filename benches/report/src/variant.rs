//! The ways in which `xskit` can drive a socket: backend and wait.

use crate::core::Place;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its name in tables: the backend's comes first.
    pub name: &'static str,
    words: &'static [&'static str],
    /// A thread of the kernel works for it, and wants a processor of its own.
    has_kernel_thread: bool,
}

/// All of them; those that the program at hand doesn't know are left out of a run.
pub const ALL: [Variant; 8] = [
    Variant::new("rustix block", &["--backend=rustix", "--wait=block"]),
    Variant::new("rustix busy", &["--backend=rustix", "--wait=busy"]),
    Variant::new("uring block", &["--backend=uring", "--wait=block"]),
    Variant::new("uring poll", &["--backend=uring", "--wait=poll"]),
    Variant::new("uring multishot", &["--backend=uring", "--wait=multishot"]),
    Variant::new("uring busy", &["--backend=uring", "--wait=busy"]),
    Variant::new("uring napi", &["--backend=uring", "--wait=napi"]),
    Variant {
        has_kernel_thread: true,
        ..Variant::new(
            "uring sqpoll",
            &["--backend=uring", "--wait=busy", "--sqpoll"],
        )
    },
];

/// The one that all others are compared with.
pub const BASELINE: &str = ALL[0].name;

impl Variant {
    const fn new(name: &'static str, words: &'static [&'static str]) -> Self {
        Self {
            name,
            words,
            has_kernel_thread: false,
        }
    }

    /// One by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|variant| variant.name == name)
    }

    /// Its options on the command line.
    pub fn words(&self) -> impl Iterator<Item = String> {
        self.words.iter().map(ToString::to_string)
    }

    /// Where it runs, if it is to be at `place`.
    #[must_use]
    pub const fn place(&self, place: Place) -> Place {
        if self.has_kernel_thread {
            Place::Anywhere
        } else {
            place
        }
    }
}

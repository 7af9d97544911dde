//! The compiled program: the object that ships, or, with the feature `build-program`, the one of this build.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use libbpf_rs::{MapCore, MapHandle, ObjectBuilder};

#[cfg(all(target_endian = "big", not(feature = "build-program")))]
compile_error!(
    "the XDP program that ships is compiled for hosts with the little end first: turn the feature build-program on"
);

/// libelf reads the headers where they are.
#[repr(C, align(8))]
struct Aligned<T: ?Sized>(T);

#[cfg(not(feature = "build-program"))]
static BYTES: &Aligned<[u8]> = &Aligned(*include_bytes!("xskit.bpf.o"));
#[cfg(feature = "build-program")]
static BYTES: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/xskit.bpf.o")));

/// The program and its maps in the kernel, by the names that `xskit.bpf.c` gives them.
pub(crate) struct Object(libbpf_rs::Object);

impl Object {
    /// Loads all of it, with room for `max_queues` sockets.
    pub(crate) fn load(max_queues: u32) -> libbpf_rs::Result<Self> {
        let mut open = ObjectBuilder::default()
            .name("xskit")?
            .open_memory(&BYTES.0)?;
        let mut sockets = open.maps_mut().find(|map| map.name() == "xskit_sockets");
        let sockets = sockets.as_mut().ok_or_else(|| missing("xskit_sockets"))?;
        sockets.set_max_entries(max_queues)?;
        open.load().map(Self)
    }

    /// A handle of its own: it keeps the map.
    pub(crate) fn map(&self, name: &str) -> libbpf_rs::Result<MapHandle> {
        let found = self.0.maps().find(|map| map.name() == name);
        MapHandle::try_from(&found.ok_or_else(|| missing(name))?)
    }

    /// A descriptor of its own: it keeps the program.
    pub(crate) fn program(&self, name: &str) -> libbpf_rs::Result<OwnedFd> {
        let found = self.0.progs().find(|program| program.name() == name);
        let found = found.ok_or_else(|| missing(name))?;
        Ok(found.as_fd().try_clone_to_owned()?)
    }
}

fn missing(name: &str) -> libbpf_rs::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        format!("the compiled program has no {name}"),
    )
    .into()
}

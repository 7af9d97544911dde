//! The compiled program: the object that ships, or this build's with the feature `build-program`.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use libbpf_rs::{MapCore, MapHandle, ObjectBuilder};

#[cfg(all(target_endian = "big", not(feature = "build-program")))]
compile_error!(
    "the XDP program that ships is compiled for little-endian hosts: turn on the feature build-program"
);

/// Aligned, since libelf reads the headers in place.
#[repr(C, align(8))]
struct Aligned<T: ?Sized>(T);

#[cfg(not(feature = "build-program"))]
static BYTES: &Aligned<[u8]> = &Aligned(*include_bytes!("xskit.bpf.o"));
#[cfg(feature = "build-program")]
static BYTES: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/xskit.bpf.o")));

/// The loaded program and its maps, by their names in `xskit.bpf.c`.
pub(crate) struct Object(libbpf_rs::Object);

impl Object {
    /// Loads the program and its maps, with room for `max_queues` sockets.
    pub(crate) fn load(max_queues: u32) -> libbpf_rs::Result<Self> {
        let mut open = ObjectBuilder::default()
            .name("xskit")?
            .open_memory(&BYTES.0)?;
        let mut sockets = open.maps_mut().find(|map| map.name() == "xskit_sockets");
        let sockets = sockets.as_mut().ok_or_else(|| missing("xskit_sockets"))?;
        sockets.set_max_entries(max_queues)?;
        open.load().map(Self)
    }

    /// A new handle, which keeps the map alive.
    pub(crate) fn map(&self, name: &str) -> libbpf_rs::Result<MapHandle> {
        let found = self.0.maps().find(|map| map.name() == name);
        MapHandle::try_from(&found.ok_or_else(|| missing(name))?)
    }

    /// A new descriptor, which keeps the program alive.
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

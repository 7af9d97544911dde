//! A socket over a UMEM for the length of a task.

use std::os::fd::AsFd;

use anyhow::Context;
use xskit::core::umem::{FrameStore, Umem};
use xskit::core::{Backend, Socket};
use xskit::rustix::{MmapMemory, RustixBackend};

use crate::args::BackendName;
use crate::nic::{MAX_FRAMES, Nic};

/// What a command does with its socket, whatever the backend.
pub(crate) trait Task {
    /// What comes of it.
    type Output;

    /// Called before the socket is open, while every frame is free.
    fn prepare(&mut self, umem: &Umem<'_, MmapMemory>) -> anyhow::Result<()> {
        let _ = umem;
        Ok(())
    }

    /// Called with the open socket.
    fn run<'u, B>(
        self,
        umem: &'u Umem<'u, MmapMemory>,
        socket: Socket<'u, B>,
    ) -> anyhow::Result<Self::Output>
    where
        B: Backend,
        B::Socket: AsFd;
}

/// Opens a socket on the backend asked for and runs `task` with it. Socket and UMEM are gone,
/// in that order, when this returns.
pub(crate) fn run<T: Task>(nic: &Nic, backend: BackendName, task: T) -> anyhow::Result<T::Output> {
    match backend {
        BackendName::Rustix => run_on(nic, &RustixBackend::new(), task),
    }
}

fn run_on<B, T>(nic: &Nic, backend: &B, mut task: T) -> anyhow::Result<T::Output>
where
    B: Backend,
    B::Socket: AsFd,
    T: Task,
{
    let mut store = Box::new(FrameStore::<MAX_FRAMES>::new());
    let umem = Umem::new(nic.memory()?, &mut store, nic.frame_size)?;
    task.prepare(&umem)?;
    let socket = Socket::open(backend, &umem, &nic.config)
        .with_context(|| format!("opening an AF_XDP socket on {}", nic.link.name))?;
    task.run(&umem, socket)
}

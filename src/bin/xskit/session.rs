//! A socket over a UMEM for the length of a task.

use std::os::fd::AsFd;

use anyhow::anyhow;
use xskit::core::socket::{OpenError, Step};
use xskit::core::umem::{FrameSlot, Umem};
use xskit::core::{Backend, Errno, Socket};
use xskit::net::{Capability, privilege};
use xskit::rustix::{MmapMemory, RustixBackend};

use crate::driving::Driving;
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
pub(crate) fn run<T: Task>(nic: &Nic, task: T) -> anyhow::Result<T::Output> {
    match nic.driving {
        Driving::Rustix(wait) => run_on(nic, &RustixBackend::with_wait(wait), task),
        #[cfg(feature = "backend-uring")]
        Driving::Uring(config) => {
            let backend = xskit::uring::UringBackend::new(config)?;
            let output = run_on(nic, &backend, task)?;
            tracing::info!("{}", backend.setup_report());
            Ok(output)
        }
    }
}

fn run_on<B, T>(nic: &Nic, backend: &B, mut task: T) -> anyhow::Result<T::Output>
where
    B: Backend,
    B::Socket: AsFd,
    T: Task,
{
    let mut slots = vec![FrameSlot::new(); MAX_FRAMES];
    let umem = Umem::new(nic.memory()?, &mut slots, nic.frame_size)?;
    task.prepare(&umem)?;
    let socket = Socket::open(backend, &umem, &nic.config).map_err(|error| refusal(nic, &error))?;
    task.run(&umem, socket)
}

/// Why there is no socket, and which option or privilege would help.
fn refusal(nic: &Nic, error: &OpenError) -> anyhow::Error {
    let remedy = match (error.step, error.errno) {
        (Step::Create, Errno::EPERM) => missing_capabilities(),
        (Step::Register, Errno::EINVAL) => " (--frame-size)".to_owned(),
        (Step::Register, _) | (Step::Bind { .. }, Errno::ENOBUFS) => " (--frames)".to_owned(),
        (Step::Size(_) | Step::Map(_), _) => " (--ring-size)".to_owned(),
        (
            Step::Bind {
                zero_copy_forced: true,
            },
            Errno::EOPNOTSUPP,
        ) => " (--zero-copy auto, or refuse)".to_owned(),
        (Step::Bind { .. }, Errno::EBUSY | Errno::EINVAL) => " (--queue)".to_owned(),
        _ => String::new(),
    };
    anyhow!(
        "opening an AF_XDP socket on {}: {error}{remedy}",
        nic.link.name
    )
}

/// All that a command on an interface needs, so that nobody is told one capability a time.
fn missing_capabilities() -> String {
    let needed = [
        Capability::NetRaw,
        Capability::Bpf,
        Capability::Perfmon,
        Capability::NetAdmin,
    ];
    let missing: Vec<_> = privilege::missing(&needed)
        .iter()
        .map(|it| it.name())
        .collect();
    if missing.len() < 2 {
        return String::new();
    }
    format!("; missing here: {}", missing.join(", "))
}

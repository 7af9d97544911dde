//! The socket that a command works with: opened, why it could not be, and why it no longer works.

use anyhow::anyhow;
use xskit::af_xdp::Errno;
use xskit::af_xdp::socket::Step;
use xskit::backend_rustix::{MmapMemory, PageSize};
#[cfg(feature = "backend-uring")]
use xskit::backend_uring::UringError;
use xskit::net::{Capability, Link, privilege};
use xskit::quic::driver::DriverError;
use xskit::{AnyBackend, OpenError, SocketBuilder, Sockets};

use super::Nic;
use crate::report;

/// The socket, whatever drives it.
pub(crate) type Socket<'u> = xskit::af_xdp::Socket<'u, AnyBackend>;

/// What runs QUIC endpoints over it.
pub(crate) type Driver<'s, 'u> = xskit::quic::driver::Driver<'s, 'u, AnyBackend>;

/// Opens a socket and runs `task` with it. When this returns, the socket is closed, then the UMEM
/// freed.
pub(crate) fn run<T>(
    nic: &Nic,
    task: impl FnOnce(&mut Socket<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    open(nic)?.with(|socket| {
        let output = task(socket)?;
        trace_setup(socket);
        Ok(output)
    })
}

/// Opens a socket.
pub(crate) fn open(nic: &Nic) -> anyhow::Result<xskit::Socket> {
    nic.open().map_err(|error| refusal(nic, &error))
}

/// Logs which steps of the set-up went through io_uring.
pub(crate) fn trace_setup(socket: &Socket<'_>) {
    #[cfg(feature = "backend-uring")]
    if let Some(backend) = socket.backend().as_uring() {
        tracing::info!("{}", backend.setup_report());
    }
    #[cfg(not(feature = "backend-uring"))]
    let _ = socket;
}

/// The same with a socket on each of two interfaces, over one UMEM.
pub(crate) fn run_pair<T>(
    nics: &[Nic; 2],
    task: impl FnOnce(&mut [Socket<'_>]) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut sockets = Nic::open_pair(nics).map_err(|error| {
        let of = |ifindex| nics.iter().find(move |nic| nic.link.index == ifindex);
        let nic = match &error {
            OpenError::Socket(error) => of(error.ifindex),
            _ => None,
        };
        refusal(nic.unwrap_or(&nics[0]), &error)
    })?;
    sockets.with(|sockets| task(sockets))
}

impl Nic {
    /// Opens a socket on the queue.
    fn open(&self) -> Result<xskit::Socket, OpenError> {
        let socket = self.builder().open()?;
        note_pages(socket.memory());
        Ok(socket)
    }

    /// Opens a socket on the queue of each of two interfaces, over one UMEM.
    fn open_pair(nics: &[Self; 2]) -> Result<Sockets, OpenError> {
        let sockets = Sockets::open(&nics.each_ref().map(Self::builder))?;
        note_pages(sockets.memory());
        Ok(sockets)
    }

    fn builder(&self) -> SocketBuilder {
        let builder = xskit::Socket::builder(self.link.index)
            .config(self.config)
            .frames(self.frames)
            .frame_size(self.frame_size.bytes())
            .huge_pages(self.huge_pages)
            .driving(self.driving)
            .one_thread();
        match self.numa_node {
            Some(node) => builder.numa_node(node),
            None => builder,
        }
    }
}

/// Notes that huge pages were asked for and not obtained.
fn note_pages(memory: &MmapMemory) {
    if let PageSize::FellBack(errno) = memory.pages() {
        report::say(format_args!(
            "xskit: note: --huge-pages: mmap(2): {errno}: none are reserved (vm.nr_hugepages), so \
             pages of the usual size are used"
        ));
    }
}

/// Why no socket could be opened, and which option or privilege would help.
fn refusal(nic: &Nic, error: &OpenError) -> anyhow::Error {
    let remedy = match error {
        OpenError::Memory { .. } => " (--frames)".to_owned(),
        OpenError::NumaNode { .. } => " (--numa-node)".to_owned(),
        OpenError::Socket(error) => remedy(error.step, error.errno),
        #[cfg(feature = "backend-uring")]
        OpenError::Uring(error) => return without_a_ring(error),
        _ => return anyhow!("{error}"),
    };
    anyhow!(
        "opening an AF_XDP socket on {}: {error}{remedy}",
        nic.link.name
    )
}

/// Why there is no io_uring, and which option does without.
#[cfg(feature = "backend-uring")]
fn without_a_ring(error: &UringError) -> anyhow::Error {
    let options = match error {
        UringError::Napi { .. } => " (--wait poll, --backend rustix)",
        UringError::Descriptors { .. } | UringError::Entries { .. } => "",
        _ => " (--backend rustix)",
    };
    anyhow!("{error}{options}")
}

/// The option or the privilege that would help after a failed step.
fn remedy(step: Step, errno: Errno) -> String {
    match (step, errno) {
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
        (Step::Bind { .. } | Step::BindShared, Errno::EBUSY | Errno::EINVAL) => {
            " (--queue)".to_owned()
        }
        (Step::BindShared, Errno::EOPNOTSUPP) => " (--zero-copy refuse)".to_owned(),
        _ => String::new(),
    }
}

/// All capabilities that a command on an interface lacks, so that they are not reported one at a
/// time.
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

impl Nic {
    /// The error of a failed kick.
    pub(crate) fn kick_failed(&self, errno: Errno) -> anyhow::Error {
        self.socket_failed(DriverError::Kick(errno))
    }

    /// The error of a failed wait on sockets of `nics`: it names the interface that is gone or
    /// down, if one is.
    pub(crate) fn wait_failed(nics: &[Self], errno: Errno) -> anyhow::Error {
        let is_well = |nic: &&Self| {
            Link::by_index(nic.link.index)
                .is_ok_and(|link| link.name == nic.link.name && link.is_up)
        };
        let nic = nics.iter().find(|nic| !is_well(nic)).or(nics.first());
        let error = DriverError::Wait(errno);
        nic.map_or_else(|| anyhow!("{error}"), |nic| nic.socket_failed(error))
    }

    /// The error of a socket that worked and no longer does.
    pub(crate) fn socket_failed(&self, error: DriverError) -> anyhow::Error {
        let option = match error.errno() {
            Errno::EINVAL | Errno::ENXIO | Errno::EOPNOTSUPP => " (--zero-copy refuse)",
            _ => "",
        };
        anyhow!("{self}: {error}{option}")
    }
}

/// Whether the socket copies packets.
pub(crate) fn copy_mode(socket: &Socket<'_>) -> &'static str {
    if socket.obtained().zero_copy {
        "zero-copy"
    } else {
        "copy"
    }
}

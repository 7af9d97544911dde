//! The XDP program on an interface, with the ports that it takes and the sockets that receive them.

use std::os::fd::AsFd;

use xskit_bpf::{AttachMode, AttachedMode, Attachment, XdpProgram};

use crate::error::OpenError;
use crate::interface::Interface;

/// The XDP program on an interface. Dropping it detaches the program.
///
/// [`SocketBuilder::open_and_take`](crate::SocketBuilder::open_and_take) makes one for a single
/// socket, [`take`](Self::take) for a socket on each queue. For rules by address, a mode or an
/// interface limit, load and attach an [`XdpProgram`] by hand, or change [`program`](Self::program)
/// afterwards.
#[derive(Debug)]
#[must_use = "dropping it takes the program off the interface"]
pub struct AttachedProgram {
    /// Dropped first: the program is detached before its maps go.
    attachment: Attachment,
    program: XdpProgram,
}

impl AttachedProgram {
    /// Loads the program, has it take the UDP datagrams to this port, for any address, and attaches
    /// it: in native mode if the driver has it.
    ///
    /// Each socket comes with the queue that it is bound to, and receives the datagrams of that
    /// queue. Those of other queues pass to the kernel, and [`Strays`](xskit_bpf::Strays) counts
    /// them.
    ///
    /// ```no_run
    /// use xskit::{AttachedProgram, Socket};
    ///
    /// let open = |queue| Socket::builder("eth1").queue(queue).open();
    /// let sockets = [open(0)?, open(1)?];
    /// let program = AttachedProgram::take("eth1", 4433, (0..).zip(&sockets))?;
    /// println!("{} mode", program.mode());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TakeError::Open`] if there is no such interface, [`TakeError::Program`] if loading or
    /// attaching the program failed.
    pub fn take(
        interface: impl Into<Interface>,
        port: u16,
        sockets: impl IntoIterator<Item = (u32, impl AsFd)>,
    ) -> Result<Self, TakeError> {
        let ifindex = interface.into().index()?;
        let sockets: Vec<_> = sockets.into_iter().collect();
        let queues = sockets.iter().map(|(queue, _)| queue.saturating_add(1));
        let program = XdpProgram::load(queues.max().unwrap_or(0))?;
        for (queue, socket) in &sockets {
            program.register_socket(*queue, socket.as_fd())?;
        }
        program.take(port, None)?;
        let attachment = program.attach(ifindex, AttachMode::Auto)?;
        Ok(Self {
            attachment,
            program,
        })
    }

    /// The mode obtained.
    #[must_use]
    pub fn mode(&self) -> AttachedMode {
        self.attachment.mode()
    }

    /// The program, for its counters and further rules.
    #[must_use]
    pub fn program(&self) -> &XdpProgram {
        &self.program
    }

    /// The attachment to the interface.
    pub fn attachment(&self) -> &Attachment {
        &self.attachment
    }
}

/// Why a port could not be taken. Each text says what to try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TakeError {
    /// The socket could not be opened, or there is no such interface.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The XDP program could not be loaded or attached.
    #[error(transparent)]
    Program(#[from] xskit_bpf::Error),
}

//! The XDP program on an interface, with the ports that it takes and the sockets that get them.

use std::os::fd::AsFd;

use xskit_bpf::{AttachMode, Attached, Attachment, XdpProgram};

use crate::error::OpenError;
use crate::interface::Interface;

/// The XDP program on an interface. Dropping it takes the program off again.
///
/// [`SocketBuilder::open_and_take`](crate::SocketBuilder::open_and_take) makes one for a single socket,
/// [`take`](Self::take) for a socket on each queue. What they do not cover, rules by address, a mode or an interface
/// limit, is [`XdpProgram`]'s: loaded and attached by hand, or by [`program`](Self::program) afterwards.
#[derive(Debug)]
#[must_use = "dropping it takes the program off the interface"]
pub struct AttachedProgram {
    /// Dropped first: the program is off before its maps go.
    attachment: Attachment,
    program: XdpProgram,
}

impl AttachedProgram {
    /// Loads the program, has it take the UDP datagrams to this port, of any address, and attaches it: natively where the
    /// driver can.
    ///
    /// Each socket comes with the queue that it is bound to, and gets what arrives on that queue. On other queues the
    /// datagrams stay the kernel's, and [`Strays`](xskit_bpf::Strays) counts them.
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
    /// [`TakeError::Open`] if there is no such interface; [`TakeError::Program`] says which step of the program's failed.
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

    /// The mode that was obtained.
    #[must_use]
    pub fn mode(&self) -> Attached {
        self.attachment.mode()
    }

    /// The program: its counters, and what else it is to take.
    #[must_use]
    pub fn program(&self) -> &XdpProgram {
        &self.program
    }

    /// Its place on the interface.
    pub fn attachment(&self) -> &Attachment {
        &self.attachment
    }
}

/// Why no socket gets what was to be taken. Each says what to try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TakeError {
    /// There is no socket, or no such interface.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The XDP program.
    #[error(transparent)]
    Program(#[from] xskit_bpf::Error),
}

//! A program on an interface: attaching, the mode that was obtained, and detaching.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

use crate::interface::Interface;
use crate::{AttachMode, AttachedMode, Error, NativeRefusal, Occupant, privilege, sys};

/// A program attached to an interface. Dropping this detaches it.
///
/// The kernel detaches it as well when the process ends, however it ends: the attachment is a BPF
/// link, held by a close-on-exec descriptor.
///
/// ```no_run
/// use xskit_bpf::{AttachMode, XdpProgram};
///
/// let program = XdpProgram::load(1)?;
/// let attachment = program.attach(2, AttachMode::Auto)?; // interface 2
/// println!("{} mode", attachment.mode());
/// if let Some(refusal) = attachment.native_refusal() {
///     println!("{refusal}"); // the driver's answer, and what may change it
/// }
/// drop(attachment); // off the interface again
/// # Ok::<(), xskit_bpf::Error>(())
/// ```
#[doc(alias = "xdp_program__detach")]
#[doc(alias = "bpf_link")]
#[derive(Debug)]
#[must_use = "dropping the attachment takes the program off the interface"]
pub struct Attachment {
    link: OwnedFd,
    mode: AttachedMode,
    refusal: Option<NativeRefusal>,
}

impl Attachment {
    pub(crate) fn create(
        program: BorrowedFd<'_>,
        ifindex: u32,
        mode: AttachMode,
    ) -> Result<Self, Error> {
        let interface = Interface::find(ifindex)?;
        let attached = match mode {
            AttachMode::Native => Self::with(program, &interface, AttachedMode::Native),
            AttachMode::Generic => Self::with(program, &interface, AttachedMode::Generic),
            AttachMode::Auto => Self::native_or_generic(program, &interface),
        }?;
        tracing::debug!(%interface, mode = %attached.mode, "XDP program attached");
        Ok(attached)
    }

    fn native_or_generic(program: BorrowedFd<'_>, interface: &Interface) -> Result<Self, Error> {
        match Self::with(program, interface, AttachedMode::Native) {
            Err(Error::NativeRefused { refusal, .. }) => {
                let mut generic = Self::with(program, interface, AttachedMode::Generic)?;
                generic.refusal = Some(refusal);
                Ok(generic)
            }
            other => other,
        }
    }

    fn with(
        program: BorrowedFd<'_>,
        interface: &Interface,
        mode: AttachedMode,
    ) -> Result<Self, Error> {
        let link = sys::create_xdp_link(program, interface.index, mode.flags());
        link.map(|link| Self {
            link,
            mode,
            refusal: None,
        })
        .map_err(|errno| explain(errno, interface, mode))
    }

    /// The mode that was obtained.
    #[must_use]
    pub fn mode(&self) -> AttachedMode {
        self.mode
    }

    /// Why the mode is generic, if [`AttachMode::Auto`] tried native first.
    #[must_use]
    pub fn native_refusal(&self) -> Option<&NativeRefusal> {
        self.refusal.as_ref()
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // Closing the link detaches as well, but later on some kernels. This fails if the interface
        // is gone (ENOLINK).
        if let Err(errno) = sys::detach_link(self.link.as_fd()) {
            tracing::debug!(%errno, "detaching the XDP program failed; closing its link detaches it");
        }
    }
}

/// The cause of an error of `bpf(BPF_LINK_CREATE)`.
fn explain(errno: Errno, interface: &Interface, mode: AttachedMode) -> Error {
    match errno {
        Errno::PERM | Errno::ACCESS => {
            return Error::Privilege {
                call: "bpf(BPF_LINK_CREATE)",
                missing: privilege::missing(),
            };
        }
        Errno::NODEV => {
            return Error::NoInterface {
                ifindex: interface.index,
            };
        }
        // EBUSY: a program in the same mode; EEXIST: in the other one. A driver may mean something
        // else.
        Errno::BUSY | Errno::EXIST => {
            if let Some(occupant) = Occupant::of(interface.index) {
                return Error::Occupied {
                    interface: interface.to_string(),
                    occupant,
                };
            }
        }
        _ => {}
    }
    let interface = interface.to_string();
    match mode {
        AttachedMode::Native => Error::NativeRefused {
            refusal: NativeRefusal::new(interface.clone(), errno),
            interface,
        },
        AttachedMode::Generic => Error::Attach {
            interface,
            source: errno.into(),
        },
    }
}

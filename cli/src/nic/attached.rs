//! The XDP program on the interface.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use anyhow::{anyhow, bail};
use xskit::bpf::{AttachMode, AttachedMode, Attachment, Error, Strays, XdpProgram};
use xskit::net::{Changes, Link};

use super::Nic;
use super::carrier;
use super::own::{Own, Taking, Wanted};
use super::pace::Pace;
use super::socket::{Socket, copy_mode};
use super::strays::{self, Taken};
use crate::report;
use crate::stop::Stop;

/// How often to look for changes that the kernel announced.
const CHANGES_PAUSE: Duration = Duration::from_millis(100);

/// How often to look for strays, and for packets too long for a frame.
const STRAYS_PAUSE: Duration = Duration::from_secs(1);

/// The XDP program on the interface, which takes a port or all frames. Dropping this detaches it.
pub(crate) struct Attached {
    program: XdpProgram,
    attachment: Attachment,
    link: Link,
    taken: Taken,
    own: Option<Own>,
    changes_pace: Pace,
    strays_pace: Pace,
    length_pace: Pace,
    is_said: bool,
    is_length_said: bool,
}

/// A program that passes every packet, on the interface. Dropping this detaches it.
pub(crate) struct Passing(#[expect(dead_code, reason = "held, not used")] Attachment);

impl Nic {
    /// Loads the XDP program, has it redirect `taking` to `socket`, attaches it, and waits for the
    /// carrier.
    pub(crate) fn attach(
        &self,
        socket: &Socket<'_>,
        stop: &Stop,
        taking: &Taking,
    ) -> anyhow::Result<Attached> {
        let behind = [(self.config.queue, socket.handle().as_fd())];
        self.attach_all(&behind, stop, taking)
    }

    /// The same with a socket per queue.
    pub(crate) fn attach_all(
        &self,
        behind: &[(u32, BorrowedFd<'_>)],
        stop: &Stop,
        taking: &Taking,
    ) -> anyhow::Result<Attached> {
        let queues: Vec<u32> = behind.iter().map(|(queue, _)| *queue).collect();
        let last = queues.iter().max().copied().unwrap_or(0);
        let program = XdpProgram::load(last + 1)?;
        for (queue, socket) in behind {
            program.register_socket(*queue, *socket)?;
        }
        let own = match taking {
            Taking::Own(wanted) => Some(Own::take(&program, &self.link, wanted)?),
            Taking::Any(port) => {
                program.take(*port, None)?;
                None
            }
            Taking::All => {
                program.take_all()?;
                None
            }
        };
        let attached = program.attach(self.link.index, self.mode);
        let attachment = attached.map_err(|error| match error {
            Error::NativeRefused { .. } => anyhow!("{error} (--mode generic, or auto)"),
            other => other.into(),
        })?;
        if let Some(refusal) = attachment.native_refusal() {
            report::say(format_args!(
                "xskit: note: {} is in generic mode, because its driver refused native mode: \
                 {refusal}",
                self.link.name
            ));
        }
        let attached = Attached {
            program,
            attachment,
            link: self.link.clone(),
            taken: Taken {
                port: taking.port(),
                is_ipv6: taking.is_ipv6(),
                queues,
                is_chosen: true,
            },
            own,
            changes_pace: Pace::every(CHANGES_PAUSE),
            strays_pace: Pace::every(STRAYS_PAUSE),
            length_pace: Pace::every(STRAYS_PAUSE),
            is_said: false,
            is_length_said: false,
        };
        carrier::wait(&self.link, Some(stop))?;
        Ok(attached)
    }

    /// Attaches the program in native mode, with no port to take.
    pub(crate) fn attach_passing(&self) -> anyhow::Result<Passing> {
        if self.mode == AttachMode::Generic {
            bail!("--mode generic: the driver needs a program in native mode; use --mode auto");
        }
        let program = XdpProgram::load(1)?;
        let attached = program.attach(self.link.index, AttachMode::Native);
        Ok(Passing(attached?))
    }
}

impl Attached {
    /// The kernel chose the port, and chooses another the next time.
    pub(crate) fn by_chance(mut self) -> Self {
        self.taken.is_chosen = false;
        self
    }

    /// Takes `wanted` from now on, instead of what it took.
    pub(crate) fn take_instead(&mut self, wanted: Wanted) {
        self.taken.port = Some(wanted.port);
        self.taken.is_ipv6 = wanted.address.is_ipv6();
        if let Some(own) = &mut self.own {
            own.want(&self.program, &self.link, wanted);
        }
    }

    /// `queue 0`, or `queues 0, 1`: those with a socket.
    pub(crate) fn queues(&self) -> String {
        strays::name(&self.taken.queues)
    }

    /// The modes obtained, as reports name them: `native, copy` and the like.
    pub(crate) fn mode(&self, socket: &Socket<'_>) -> String {
        format!("{}, {}", self.attachment.mode(), copy_mode(socket))
    }

    /// Packets with malformed headers, left to the kernel.
    pub(crate) fn malformed(&self) -> Result<u64, Error> {
        Ok(self.program.counters()?.malformed)
    }

    /// Packets that came in on a queue without a socket.
    pub(crate) fn strays(&self) -> Result<Strays, Error> {
        // One call if there are none, not one per queue.
        match self.program.counters()?.no_socket {
            0 => Ok(Strays::default()),
            _ => self.program.strays(),
        }
    }

    /// Call after each turn. Now and then follows what has changed about the interface, and warns
    /// of strays. Returns what has changed.
    #[inline]
    pub(crate) fn watch(&mut self, rested: bool) -> Changes {
        if self.changes_pace.is_due(rested) {
            self.look()
        } else {
            Changes::default()
        }
    }

    #[cold]
    fn look(&mut self) -> Changes {
        if self.strays_pace.is_due(true) {
            self.warn();
        }
        match &mut self.own {
            Some(own) => own.look(&self.program, &self.link),
            None => Changes::default(),
        }
    }

    /// Warns of strays, once. A look that fails is ignored: the next may succeed.
    #[cold]
    pub(crate) fn warn(&mut self) {
        if self.is_said {
            return;
        }
        if let Some(text) = self.describe_strays() {
            self.is_said = true;
            report::say(format_args!("xskit: warning: {text}"));
        }
    }

    /// Call after each turn. Now and then warns of packets too long for a frame.
    pub(crate) fn watch_length(&mut self, rested: bool, socket: &Socket<'_>) {
        if self.length_pace.is_due(rested) {
            self.warn_of_length(socket);
        }
    }

    /// Warns, once, of packets too long for a frame: in generic mode, packets that a program on
    /// this machine sends with segmentation offload arrive unsegmented.
    #[cold]
    pub(crate) fn warn_of_length(&mut self, socket: &Socket<'_>) {
        if self.attachment.mode() != AttachedMode::Generic || self.is_length_said {
            return;
        }
        let statistics = socket.statistics();
        let dropped = statistics.map_or(0, |statistics| statistics.rx_dropped_otherwise());
        if dropped > 0 {
            self.is_length_said = true;
            report::say(format_args!(
                "xskit: warning: packets too long for a frame were dropped, {dropped} so far: in \
                 generic mode, packets that a sender on this machine leaves to segmentation \
                 offload arrive unsegmented; use --mode native, or `ethtool -K IF \
                 tx-udp-segmentation off` on the sender's interface"
            ));
        }
    }

    /// The error, with the strays that may be its cause.
    pub(crate) fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        match self.describe_strays() {
            Some(text) => anyhow!("{}; {text}", report::describe(&error)),
            None => error,
        }
    }

    fn describe_strays(&self) -> Option<String> {
        let strays = self.strays().ok().filter(|strays| !strays.is_empty())?;
        Some(strays::describe(&strays, &self.link, &self.taken))
    }
}

//! What the kernel's own stack would take at this interface: packets to its addresses, in frames to
//! its MAC address. The XDP program's rules follow it as it changes.

use std::net::IpAddr;

use xskit::bpf::{Only, XdpProgram};
use xskit::net::{Changes, Link, Watch};

use crate::report;

/// What to take off an interface.
#[derive(Clone, Debug)]
pub(crate) enum Taking {
    /// All packets to this port, whatever their destination address.
    Any(u16),
    /// Packets to the interface itself.
    Own(Wanted),
    /// Every frame.
    All,
}

impl Taking {
    pub(crate) fn port(&self) -> Option<u16> {
        match self {
            Self::Any(port) => Some(*port),
            Self::Own(wanted) => Some(wanted.port),
            Self::All => None,
        }
    }

    pub(crate) fn is_ipv6(&self) -> bool {
        matches!(self, Self::Own(wanted) if wanted.address.is_ipv6())
    }
}

/// Which of the packets to the interface itself to take.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) port: u16,
    /// One of its addresses, or the unspecified one for all of that family.
    pub(crate) address: IpAddr,
    /// Frames tagged with these VLANs are taken, too.
    pub(crate) vlans: Vec<u16>,
    /// So are frames to any MAC address.
    pub(crate) any_mac: bool,
}

impl Wanted {
    /// Exactly what the kernel would take.
    pub(crate) fn new(port: u16, address: IpAddr) -> Self {
        Self {
            port,
            address,
            vlans: Vec::new(),
            any_mac: false,
        }
    }

    fn includes(&self, address: IpAddr) -> bool {
        if self.address.is_unspecified() {
            self.address.is_ipv4() == address.is_ipv4()
        } else {
            self.address == address
        }
    }
}

/// What is taken, and the kernel's announcements about it.
#[derive(Debug)]
pub(crate) struct Own {
    watch: Watch,
    wanted: Wanted,
    /// The ports and addresses for which the program has a rule.
    taken: Vec<(u16, IpAddr)>,
    /// Announced and not yet followed.
    pending: Changes,
    is_failing: bool,
}

impl Own {
    /// Has the program take what is wanted.
    pub(crate) fn take(program: &XdpProgram, link: &Link, wanted: &Wanted) -> anyhow::Result<Self> {
        let mut own = Self {
            // First, so that no change is missed.
            watch: Watch::start(link)?,
            wanted: wanted.clone(),
            taken: Vec::new(),
            pending: Changes::ALL,
            is_failing: false,
        };
        own.follow(program, link)?;
        Ok(own)
    }

    /// Looks for changes, and updates the program. A failure is reported once, and retried at the
    /// next look.
    pub(crate) fn look(&mut self, program: &XdpProgram, link: &Link) -> Changes {
        let announced = match self.watch.look() {
            Ok(changes) => changes,
            Err(error) => {
                self.fail(&error.into());
                Changes::ALL
            }
        };
        self.pending.link |= announced.link;
        self.pending.addresses |= announced.addresses;
        if let Err(error) = self.follow(program, link) {
            self.fail(&error);
        }
        announced
    }

    /// Takes this from now on instead.
    pub(crate) fn want(&mut self, program: &XdpProgram, link: &Link, wanted: Wanted) {
        self.wanted = wanted;
        self.pending = Changes::ALL;
        if let Err(error) = self.follow(program, link) {
            self.fail(&error);
        }
    }

    fn fail(&mut self, error: &anyhow::Error) {
        if !self.is_failing {
            self.is_failing = true;
            report::say(format_args!(
                "xskit: warning: the interface may have changed, and the XDP program could not be \
                 updated; trying again: {}",
                report::describe(error)
            ));
        }
    }

    fn follow(&mut self, program: &XdpProgram, link: &Link) -> anyhow::Result<()> {
        if self.pending.link {
            let mac = Link::by_index(link.index)?.require_mac()?;
            program.limit(&Only {
                mac: (!self.wanted.any_mac).then_some(mac),
                vlans: Some(self.wanted.vlans.clone()),
            })?;
            self.pending.link = false;
        }
        if self.pending.addresses {
            self.follow_addresses(program, link)?;
            self.pending.addresses = false;
            self.is_failing = false;
        }
        Ok(())
    }

    fn follow_addresses(&mut self, program: &XdpProgram, link: &Link) -> anyhow::Result<()> {
        let all = link.addresses()?;
        let usable = all.iter().filter(|own| own.is_usable);
        let wanted: Vec<_> = usable
            .map(|own| own.address)
            .filter(|address| self.wanted.includes(*address))
            .map(|address| (self.wanted.port, address))
            .collect();
        // Removed addresses make room for new ones.
        while let Some(at) = self.taken.iter().position(|it| !wanted.contains(it)) {
            let (port, address) = self.taken[at];
            program.release(port, Some(address))?;
            tracing::info!("no longer taken: packets to {address}, port {port}");
            self.taken.swap_remove(at);
        }
        for (port, address) in wanted {
            if !self.taken.contains(&(port, address)) {
                program.take(port, Some(address))?;
                tracing::info!("taken: packets to {address}, port {port}");
                self.taken.push((port, address));
            }
        }
        Ok(())
    }
}

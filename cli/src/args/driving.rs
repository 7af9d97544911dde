//! How a socket is driven: the backend, how it waits, and what it is told about kicks and polling.

use anyhow::bail;
use clap::{ValueEnum, value_parser};
use xskit::Driving;
use xskit::af_xdp::SocketConfig;
use xskit::af_xdp::socket::BusyPoll;
#[cfg(feature = "backend-uring")]
use xskit::backend_uring::{SqPoll, UringConfig};

/// Packets that one call may process with `--busy-poll-us`: what a device's interrupt may
/// (NAPI_POLL_WEIGHT).
const BUSY_POLL_BUDGET: u16 = 64;

/// Options of everything that drives a socket.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Driving")]
pub(crate) struct DrivingArgs {
    /// How the sockets are driven.
    #[arg(long, value_enum, default_value_t = BackendName::Rustix)]
    pub(crate) backend: BackendName,
    /// How to wait for packets, once looking at the rings has found none for a while.
    #[arg(long, value_enum, default_value_t = WaitName::Block)]
    pub(crate) wait: WaitName,
    /// Have a thread of the kernel take the submissions: a core for it, and no system calls while
    /// packets flow (with --backend uring).
    #[arg(long)]
    pub(crate) sqpoll: bool,
    /// Packets that one kick may send in copy mode, 32 or more; by default what the TX ring holds
    /// (XDP_MAX_TX_SKB_BUDGET, Linux 6.18; 32 before).
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(32..))]
    pub(crate) budget: Option<u32>,
    /// Have the program's own calls poll the device, for so many microseconds at most
    /// (SO_PREFER_BUSY_POLL, SO_BUSY_POLL).
    #[arg(long, value_name = "US", value_parser = value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    pub(crate) busy_poll_us: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendName {
    /// Direct, non-blocking system calls.
    Rustix,
    /// Submissions to an io_uring.
    #[cfg(feature = "backend-uring")]
    Uring,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WaitName {
    /// Sleep in poll(2).
    Block,
    /// Sleep in the ring, with a poll armed for each time (uring).
    Poll,
    /// Sleep in the ring, with a poll armed once for all times (uring).
    Multishot,
    /// Never sleep: look again.
    Busy,
    /// Sleep in the ring, which polls the device before (uring).
    Napi,
}

impl DrivingArgs {
    /// The backend that was asked for, or why its options don't go with it.
    pub(crate) fn driving(&self) -> anyhow::Result<Driving> {
        match self.backend {
            BackendName::Rustix if self.sqpoll => {
                bail!("--sqpoll is for submissions, and the rustix backend makes none{INSTEAD}")
            }
            BackendName::Rustix => Ok(Driving::Rustix(self.rustix_wait()?)),
            #[cfg(feature = "backend-uring")]
            BackendName::Uring => Ok(Driving::Uring(UringConfig {
                wait: self.uring_wait(),
                sqpoll: self.sqpoll.then(SqPoll::default),
                ..UringConfig::default()
            })),
        }
    }

    fn rustix_wait(&self) -> anyhow::Result<xskit::backend_rustix::Wait> {
        use xskit::backend_rustix::Wait;
        match self.wait {
            WaitName::Block => Ok(Wait::Block),
            WaitName::Busy => Ok(Wait::Busy),
            ring => bail!(
                "--wait {} waits in a ring, and the rustix backend has none: use --wait block or \
                 busy{INSTEAD}",
                value_name(&ring)
            ),
        }
    }

    #[cfg(feature = "backend-uring")]
    fn uring_wait(&self) -> xskit::backend_uring::Wait {
        use xskit::backend_uring::Wait;
        match self.wait {
            WaitName::Block => Wait::Block,
            WaitName::Poll => Wait::Poll,
            WaitName::Multishot => Wait::Multishot,
            WaitName::Busy => Wait::Busy,
            WaitName::Napi => Wait::Napi,
        }
    }

    /// Writes what the kernel is told about the socket.
    pub(crate) fn configure(&self, config: &mut SocketConfig) {
        config.kick_budget = self.budget;
        config.busy_poll = self.busy_poll_us.map(|us| BusyPoll {
            us,
            budget: BUSY_POLL_BUDGET,
        });
    }

    /// The same options as words of a command line.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = vec![
            format!("--backend={}", value_name(&self.backend)),
            format!("--wait={}", value_name(&self.wait)),
        ];
        if self.sqpoll {
            words.push("--sqpoll".to_owned());
        }
        words.extend(self.budget.map(|budget| format!("--budget={budget}")));
        words.extend(self.busy_poll_us.map(|us| format!("--busy-poll-us={us}")));
        words
    }

    /// How the socket is driven, for reports: `uring, multishot, sqpoll` and the like.
    pub(crate) fn wait_name(&self) -> String {
        let wait = value_name(&self.wait);
        if self.sqpoll {
            format!("{wait}, sqpoll")
        } else {
            wait
        }
    }
}

const INSTEAD: &str = if cfg!(feature = "backend-uring") {
    ", or --backend uring"
} else {
    ", or a build with the feature backend-uring"
};

/// A value as the command line has it.
pub(crate) fn value_name<V: ValueEnum>(value: &V) -> String {
    value
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}

//! How a socket is driven: the backend, how it waits, and its kick budget and busy polling.

use anyhow::bail;
use clap::{ValueEnum, value_parser};
use xskit::Driving;
use xskit::af_xdp::SocketConfig;
use xskit::af_xdp::socket::BusyPoll;
#[cfg(feature = "backend-uring")]
use xskit::backend_uring::{SqPoll, UringConfig};

/// Packets that one call may process with `--busy-poll-us`: as many as one interrupt of a device
/// may (NAPI_POLL_WEIGHT).
const BUSY_POLL_BUDGET: u16 = 64;

/// Options of every command that drives a socket.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Driving")]
pub(crate) struct DrivingArgs {
    /// How the sockets' operations reach the kernel.
    #[arg(long, value_enum, default_value_t = BackendName::Rustix)]
    pub(crate) backend: BackendName,
    /// How to wait for packets once the rings have been empty for a while.
    #[arg(long, value_enum, default_value_t = WaitName::Block)]
    pub(crate) wait: WaitName,
    /// With --backend uring: have a kernel thread take the submissions (SQPOLL). It occupies a
    /// core; while packets flow, no system calls are made.
    #[arg(long)]
    pub(crate) sqpoll: bool,
    /// Packets that one kick may send in copy mode, at least 32; by default the size of the TX ring
    /// (XDP_MAX_TX_SKB_BUDGET, Linux 6.17; always 32 before).
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(32..))]
    pub(crate) budget: Option<u32>,
    /// Have the program's own calls poll the device, each for at most this many microseconds
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
    /// Sleep in io_uring, with a poll armed for each wait (uring).
    Poll,
    /// Sleep in io_uring, with one multishot poll for all waits (uring).
    Multishot,
    /// Never sleep: keep looking at the rings.
    Busy,
    /// Sleep in io_uring, which busy-polls the device first (uring).
    Napi,
}

impl DrivingArgs {
    /// The backend that was asked for.
    ///
    /// # Errors
    /// An option is not for this backend.
    pub(crate) fn driving(&self) -> anyhow::Result<Driving> {
        match self.backend {
            BackendName::Rustix if self.sqpoll => {
                bail!(
                    "--sqpoll is for io_uring submissions, and the rustix backend makes none: use \
                     {URING}"
                )
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

    fn rustix_wait(&self) -> anyhow::Result<xskit::backend_rustix::RustixWait> {
        use xskit::backend_rustix::RustixWait;
        match self.wait {
            WaitName::Block => Ok(RustixWait::Block),
            WaitName::Busy => Ok(RustixWait::Busy),
            ring => bail!(
                "--wait {} sleeps in io_uring, and the rustix backend has none: use --wait block \
                 or busy, or {URING}",
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

    /// Writes the socket's kick budget and busy polling.
    pub(crate) fn configure(&self, config: &mut SocketConfig) {
        config.kick_budget = self.budget;
        config.busy_poll = self.busy_poll_us.map(|us| BusyPoll {
            us,
            budget: BUSY_POLL_BUDGET,
        });
    }

    /// The same options as command-line words.
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

const URING: &str = if cfg!(feature = "backend-uring") {
    "--backend uring"
} else {
    "a build with the feature backend-uring"
};

/// A value as it is written on the command line.
pub(crate) fn value_name<V: ValueEnum>(value: &V) -> String {
    value
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}

//! The options that a socket can do without: a refusal is reported, and is not an error.

use core::fmt;
use core::num::NonZeroU32;

use super::config::{BusyPoll, SocketConfig};
use super::handle::Handle;
use super::wakeups::COPY_BUDGET;
use crate::backend::{Backend, SetOption};
use crate::errno::Errno;

/// The outcome of a request for busy polling.
///
/// ```
/// # use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
/// # use xskit_core::umem::{FrameSize, FrameSlot, Umem};
/// # use xskit_core::{Socket, SocketConfig};
/// # let network = SimNetwork::new(WireConfig::perfect(), 1);
/// # let mut slots = vec![FrameSlot::new(); 64];
/// # let umem = Umem::new(HeapMemory::new(64 * 4096), &mut slots, FrameSize::DEFAULT)?;
/// # let backend = network.backend();
/// use xskit_core::Errno;
/// use xskit_core::socket::BusyPoll;
///
/// # network.refuse("SO_PREFER_BUSY_POLL", Errno::EPERM);
/// let config = SocketConfig {
///     busy_poll: Some(BusyPoll { us: 20, budget: 64 }),
///     ..SocketConfig::new(1, 0)
/// };
/// let socket = Socket::open(&backend, &umem, &config)?; // opens without CAP_NET_ADMIN too
/// let busy_poll = socket.obtained().busy_poll;
/// assert!(!busy_poll.is_on());
/// let why = "refused: setsockopt(SO_PREFER_BUSY_POLL): EPERM (1); CAP_NET_ADMIN is needed";
/// assert_eq!(busy_poll.to_string(), why);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BusyPolling {
    /// It was not asked for.
    #[default]
    Off,
    /// It is as asked for.
    On(BusyPoll),
    /// The kernel refused an option; those before it were switched off again.
    Refused {
        /// The option.
        option: SetOption,
        /// Why: EPERM without CAP_NET_ADMIN, ENOPROTOOPT from a kernel that has no such option.
        errno: Errno,
    },
}

impl BusyPolling {
    /// Whether the program polls the device.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        matches!(self, Self::On(_))
    }
}

impl fmt::Display for BusyPolling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (option, errno) = match self {
            Self::Off => return f.write_str("off"),
            Self::On(BusyPoll { us, budget }) => {
                return write!(f, "{us} us, {budget} packets per call");
            }
            Self::Refused { option, errno } => (option, *errno),
        };
        write!(f, "refused: setsockopt({}): {errno}", option.name())?;
        f.write_str(match errno {
            Errno::EPERM => "; CAP_NET_ADMIN is needed",
            Errno::ENOPROTOOPT => "; Linux 5.11 or later is needed, with CONFIG_NET_RX_BUSY_POLL",
            Errno::EINVAL => "; the value is too large",
            _ => "",
        })
    }
}

/// Sets busy polling as a whole, or not at all.
pub(super) fn busy_poll<B: Backend>(handle: &Handle<'_, B>, config: &SocketConfig) -> BusyPolling {
    let Some(wanted) = config.busy_poll else {
        return BusyPolling::Off;
    };
    let options = busy_poll_options(wanted);
    for (number, (option, _)) in options.into_iter().enumerate() {
        if let Err(errno) = handle.set_option(option) {
            for (_, undo) in options.into_iter().take(number).rev() {
                // No kernel refuses less than it granted a moment ago.
                let _ = handle.set_option(undo);
            }
            return BusyPolling::Refused { option, errno };
        }
    }
    BusyPolling::On(wanted)
}

/// The options of busy polling in the order in which they are set, and what undoes each.
const fn busy_poll_options(wanted: BusyPoll) -> [(SetOption, SetOption); 3] {
    use SetOption::{BusyPoll, BusyPollBudget, PreferBusyPoll};
    [
        (PreferBusyPoll(true), PreferBusyPoll(false)),
        (BusyPoll { us: wanted.us }, BusyPoll { us: 0 }),
        (BusyPollBudget(wanted.budget), BusyPollBudget(0)),
    ]
}

/// Raises the number of packets that one kick sends in copy mode, and returns it.
pub(super) fn kick_budget<B: Backend>(handle: &Handle<'_, B>, config: &SocketConfig) -> NonZeroU32 {
    let most = config.tx.slots();
    let wanted = config.kick_budget.unwrap_or(most).min(most);
    match NonZeroU32::new(wanted) {
        // The kernel's default is the least that it accepts, and needs no call.
        Some(wanted) if wanted > COPY_BUDGET => {
            match handle.set_option(SetOption::TransmitBudget(wanted.get())) {
                Ok(()) => wanted,
                Err(_) => COPY_BUDGET,
            }
        }
        _ => COPY_BUDGET,
    }
}

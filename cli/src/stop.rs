//! Signals as flags that loops look at: SIGINT and SIGTERM, and SIGHUP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// How long a loop may wait before it looks at the flag again: a signal just before `poll(2)`
/// doesn't interrupt it.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Whether the user asked to stop.
#[derive(Clone, Debug)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on the first SIGINT or SIGTERM sets the flag; a second one ends the process.
    pub(crate) fn on_signals() -> anyhow::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&flag))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
                .context("sigaction(2)")?;
        }
        Ok(Self(flag))
    }

    /// Asks instead of the user.
    pub(crate) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether the user asked to read files again.
#[derive(Debug, Default)]
pub(crate) struct Reload(Arc<AtomicBool>);

impl Reload {
    /// From now on SIGHUP sets the flag; before, and without this, it ends the process.
    pub(crate) fn on_signal() -> anyhow::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGHUP, Arc::clone(&flag)).context("sigaction(2)")?;
        Ok(Self(flag))
    }

    /// Returns the flag, and clears it.
    pub(crate) fn take(&self) -> bool {
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed)
    }
}

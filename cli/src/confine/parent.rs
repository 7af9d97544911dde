//! The signal for the parent's death, which a change of user or capabilities takes back.

use anyhow::{Context, ensure};
use rustix::process::{
    self, Pid, getppid, parent_process_death_signal, set_parent_process_death_signal,
};

/// What the process asked for, or whoever started it did for it.
pub(super) struct Signal {
    signal: Option<process::Signal>,
    parent: Option<Pid>,
}

impl Signal {
    /// prctl(PR_GET_PDEATHSIG).
    pub(super) fn read() -> anyhow::Result<Self> {
        Ok(Self {
            signal: parent_process_death_signal().context("prctl(PR_GET_PDEATHSIG)")?,
            parent: getppid(),
        })
    }

    /// prctl(PR_SET_PDEATHSIG), unless the parent died meanwhile: then the signal would never come.
    pub(super) fn ask_again(&self) -> anyhow::Result<()> {
        if self.signal.is_none() {
            return Ok(());
        }
        set_parent_process_death_signal(self.signal).context("prctl(PR_SET_PDEATHSIG)")?;
        ensure!(getppid() == self.parent, "the parent process has ended");
        Ok(())
    }
}

//! The number of frames per owner.

use super::entry::Owner;

/// The number of frames per owner. The sum is always the UMEM's number of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Census {
    /// In the stash.
    pub stash: u32,
    /// In the program's hands.
    pub application: u32,
    /// With the kernel to receive into.
    pub receive: u32,
    /// With the kernel to send.
    pub transmit: u32,
    /// Out of use.
    pub retired: u32,
}

impl Census {
    /// Counts the owners. `stash` of the frames that are ours are in the stash.
    pub(super) fn of(owners: impl Iterator<Item = Owner>, stash: u32) -> Self {
        let mut census = Self {
            stash,
            ..Self::default()
        };
        let mut ours = 0u32;
        for owner in owners {
            let count = match owner {
                Owner::Ours => &mut ours,
                Owner::Receive => &mut census.receive,
                Owner::Transmit => &mut census.transmit,
                Owner::Retired => &mut census.retired,
            };
            *count += 1;
        }
        census.application = ours.saturating_sub(stash);
        census
    }

    /// All frames together.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.stash + self.application + self.receive + self.transmit + self.retired
    }
}

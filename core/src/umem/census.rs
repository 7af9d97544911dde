//! How many frames each owner has.

use super::Owner;

/// A count of frames by [`Owner`]; the sum is always the UMEM's number of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    pub(super) fn of(owners: impl Iterator<Item = Owner>) -> Self {
        owners.fold(Self::default(), |mut census, owner| {
            *census.count_mut(owner) += 1;
            census
        })
    }

    /// All frames together.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.stash + self.application + self.receive + self.transmit + self.retired
    }

    fn count_mut(&mut self, owner: Owner) -> &mut u32 {
        match owner {
            Owner::Stash => &mut self.stash,
            Owner::Application => &mut self.application,
            Owner::Receive => &mut self.receive,
            Owner::Transmit => &mut self.transmit,
            Owner::Retired => &mut self.retired,
        }
    }
}

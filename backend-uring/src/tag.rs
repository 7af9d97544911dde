//! What a completion is of: the number that goes with a submission, and comes back with it.

/// What a submission was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Part of the set-up, or the first try of the ring.
    Setup,
    /// Have the kernel send.
    Kick,
    /// Have the kernel look at the fill ring.
    Wake,
    /// A poll for packets.
    PollReceive,
    /// A poll for room.
    PollTransmit,
    /// The end of a poll.
    Cancel,
}

impl Purpose {
    const ALL: [Self; 6] = [
        Self::Setup,
        Self::Kick,
        Self::Wake,
        Self::PollReceive,
        Self::PollTransmit,
        Self::Cancel,
    ];
}

/// A socket's number in its backend, and the purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) socket: u32,
    pub(crate) purpose: Purpose,
}

impl Tag {
    /// Of no socket.
    pub(crate) const SETUP: Self = Self {
        socket: u32::MAX,
        purpose: Purpose::Setup,
    };

    pub(crate) const fn new(socket: u32, purpose: Purpose) -> Self {
        Self { socket, purpose }
    }

    /// As `user_data` carries it.
    pub(crate) const fn number(self) -> u64 {
        (self.socket as u64) << 8 | self.purpose as u64
    }

    /// None for a number that no tag has.
    pub(crate) fn of(number: u64) -> Option<Self> {
        let [purpose, ..] = number.to_le_bytes();
        Some(Self {
            socket: u32::try_from(number >> 8).ok()?,
            purpose: *Purpose::ALL.get(usize::from(purpose))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Purpose, Tag};

    #[test]
    fn a_number_names_one_tag() {
        for purpose in Purpose::ALL {
            for socket in [0, 1, 255, 256, u32::MAX] {
                let tag = Tag::new(socket, purpose);
                assert_eq!(Tag::of(tag.number()), Some(tag));
            }
        }
        assert_eq!(Tag::of(6), None);
        assert_eq!(Tag::of(u64::MAX - 255), None);
    }
}

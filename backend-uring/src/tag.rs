//! The `user_data` of a submission, which its completion carries as well.

/// What a submission was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Part of the set-up, or the trial of the ring.
    Setup,
    /// Creates a socket, whose descriptor is the answer.
    Open,
    /// Makes the kernel send.
    Kick,
    /// Makes the kernel look at the fill ring.
    Wake,
    /// A poll for packets.
    PollReceive,
    /// A poll for room.
    PollTransmit,
    /// The end of a poll.
    Cancel,
    /// A poll for a call of the waker.
    PollWaker,
}

impl Purpose {
    const ALL: [Self; 8] = [
        Self::Setup,
        Self::Open,
        Self::Kick,
        Self::Wake,
        Self::PollReceive,
        Self::PollTransmit,
        Self::Cancel,
        Self::PollWaker,
    ];
}

/// A socket's number in its backend, the purpose, and the turn of a set-up entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) socket: u32,
    pub(crate) purpose: Purpose,
    /// Tells the entries of the set-up apart; 24 bits.
    pub(crate) turn: u32,
}

impl Tag {
    /// Of the trial of the ring.
    pub(crate) const TRIAL: Self = Self::setup(NO_SOCKET, 0);
    /// Of the one poll for the waker.
    pub(crate) const WAKER: Self = Self::new(NO_SOCKET, Purpose::PollWaker);
    pub(crate) const LAST_TURN: u32 = (1 << 24) - 1;

    pub(crate) const fn new(socket: u32, purpose: Purpose) -> Self {
        Self {
            socket,
            purpose,
            turn: 0,
        }
    }

    /// Of an entry that creates a socket.
    pub(crate) const fn open(turn: u32) -> Self {
        Self {
            socket: NO_SOCKET,
            purpose: Purpose::Open,
            turn,
        }
    }

    /// Of an entry that sets up a socket.
    pub(crate) const fn setup(socket: u32, turn: u32) -> Self {
        Self {
            socket,
            purpose: Purpose::Setup,
            turn,
        }
    }

    /// As `user_data` carries it.
    pub(crate) const fn number(self) -> u64 {
        (self.socket as u64) << 32 | (self.turn as u64) << 8 | self.purpose as u64
    }

    /// None for a number that no tag has.
    pub(crate) fn of(number: u64) -> Option<Self> {
        let [purpose, ..] = number.to_le_bytes();
        Some(Self {
            socket: (number >> 32) as u32,
            purpose: *Purpose::ALL.get(usize::from(purpose))?,
            turn: (number as u32) >> 8,
        })
    }
}

/// A number that no socket gets.
const NO_SOCKET: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::{NO_SOCKET, Purpose, Tag};

    #[test]
    fn a_number_names_one_tag() {
        for purpose in Purpose::ALL {
            for socket in [0, 1, 255, 256, NO_SOCKET] {
                for turn in [0, 1, 256, Tag::LAST_TURN] {
                    let tag = Tag {
                        turn,
                        ..Tag::new(socket, purpose)
                    };
                    assert_eq!(Tag::of(tag.number()), Some(tag));
                }
            }
        }
        assert_eq!(Tag::of(Purpose::ALL.len() as u64), None);
    }
}

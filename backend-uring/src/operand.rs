//! The memory that set-up entries refer to.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use xskit_core::abi::{self, SockaddrXdp, UmemReg};
use xskit_core::backend::{RingKind, SetOption};

/// The memory that an entry refers to. It is on the heap, so that it can be leaked if the entry is
/// never completed. It is not a `Box`, which would claim unique access each time it is moved, while
/// the entry holds the pointer.
pub(crate) enum Operand {
    Number(NonNull<u32>),
    Region(NonNull<UmemReg>),
    Address(NonNull<SockaddrXdp>),
}

impl Operand {
    pub(crate) fn of_address(address: SockaddrXdp) -> Self {
        Self::Address(at_rest(address))
    }

    /// Level, name and value of an option.
    pub(crate) fn of(option: SetOption) -> (i32, i32, Self) {
        let number = |value| Self::Number(at_rest(value));
        let (name, operand) = match option {
            SetOption::UmemReg(reg) => (abi::sockopt::UMEM_REG, Self::Region(at_rest(reg))),
            SetOption::RingSize(ring, slots) => (size_option(ring), number(slots)),
            SetOption::TransmitBudget(descriptors) => {
                (abi::sockopt::MAX_TX_SKB_BUDGET, number(descriptors))
            }
            SetOption::PreferBusyPoll(on) => {
                let value = number(u32::from(on));
                return (libc::SOL_SOCKET, libc::SO_PREFER_BUSY_POLL, value);
            }
            SetOption::BusyPoll { us } => {
                return (libc::SOL_SOCKET, libc::SO_BUSY_POLL, number(us));
            }
            SetOption::BusyPollBudget(packets) => {
                let value = number(u32::from(packets));
                return (libc::SOL_SOCKET, libc::SO_BUSY_POLL_BUDGET, value);
            }
        };
        (abi::SOL_XDP, name, operand)
    }

    pub(crate) fn as_ptr<T>(&self) -> *const T {
        match self {
            Self::Number(value) => value.as_ptr().cast(),
            Self::Region(value) => value.as_ptr().cast(),
            Self::Address(value) => value.as_ptr().cast(),
        }
    }

    pub(crate) fn len_bytes(&self) -> u32 {
        let len_bytes = match self {
            Self::Number(_) => size_of::<u32>(),
            Self::Region(_) => size_of::<UmemReg>(),
            Self::Address(_) => size_of::<SockaddrXdp>(),
        };
        len_bytes as u32
    }
}

fn at_rest<T>(value: T) -> NonNull<T> {
    NonNull::from(Box::leak(Box::new(value)))
}

impl Drop for Operand {
    fn drop(&mut self) {
        // SAFETY: each was made by `at_rest`, is freed here only, and as what it was made as; the
        // entry that refers to it was completed or never submitted, else it is forgotten.
        unsafe {
            match *self {
                Self::Number(value) => drop(Box::from_raw(value.as_ptr())),
                Self::Region(value) => drop(Box::from_raw(value.as_ptr())),
                Self::Address(value) => drop(Box::from_raw(value.as_ptr())),
            }
        }
    }
}

fn size_option(ring: RingKind) -> i32 {
    match ring {
        RingKind::Fill => abi::sockopt::UMEM_FILL_RING,
        RingKind::Completion => abi::sockopt::UMEM_COMPLETION_RING,
        RingKind::Rx => abi::sockopt::RX_RING,
        RingKind::Tx => abi::sockopt::TX_RING,
    }
}

#[cfg(test)]
mod tests {
    use xskit_core::abi::{SOL_XDP, UmemReg, sockopt};
    use xskit_core::backend::SetOption;

    use super::Operand;

    #[test]
    fn an_option_goes_in_its_own_size() {
        let (level, name, operand) = Operand::of(SetOption::UmemReg(UmemReg::default()));
        assert_eq!(
            (level, name, operand.len_bytes()),
            (SOL_XDP, sockopt::UMEM_REG, 32)
        );
        let (level, name, operand) = Operand::of(SetOption::TransmitBudget(2048));
        assert_eq!(
            (level, name, operand.len_bytes()),
            (SOL_XDP, sockopt::MAX_TX_SKB_BUDGET, 4)
        );
        let (level, ..) = Operand::of(SetOption::BusyPoll { us: 20 });
        assert_eq!(level, libc::SOL_SOCKET);
    }
}

//! A socket of this backend, and the table of what the kernel still has to complete for each.

use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};

use xskit_core::Errno;

use crate::poll::Poll;

/// An AF_XDP socket, and its number in the backend that opened it.
///
/// Return it to the backend that opened it (`Backend::close`), which first ends what the kernel has
/// to do for it. **Dropped otherwise, it stays open**, and its queue bound: entries on the
/// submission queue name it by descriptor number, which must not become another file's. Another
/// backend refuses it with EBADF, and doesn't close it. `close` leaves it open as well if the
/// kernel still has work for it after two seconds.
#[derive(Debug)]
pub struct UringSocket {
    pub(crate) fd: ManuallyDrop<OwnedFd>,
    /// The backend that opened it.
    home: u64,
    pub(crate) number: u32,
}

impl AsFd for UringSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for UringSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// What the kernel still has to complete for a socket.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    pub(crate) receive: Poll,
    pub(crate) transmit: Poll,
    /// Cancels that are not completed yet.
    pub(crate) cancels: u32,
    /// Kicks and wakes that are not completed yet, if each is completed (SQPOLL).
    pub(crate) outstanding: u32,
    /// Set-up entries whose call failed before they were completed.
    pub(crate) late: u32,
    /// The first failure of a kick or a poll that was not returned yet.
    pub(crate) failed: Option<Errno>,
}

impl Account {
    /// Whether completions are still to come, so that the kernel may hold the socket.
    pub(crate) fn is_busy(&self) -> bool {
        self.receive.is_armed()
            || self.transmit.is_armed()
            || self.cancels > 0
            || self.outstanding > 0
            || self.late > 0
    }
}

/// The accounts of a backend's sockets, by number. A number is reused only when nothing under it
/// can complete any more.
#[derive(Debug)]
pub(crate) struct Accounts {
    /// Identifies the backend: no two in a process have the same.
    home: u64,
    slots: Vec<Option<Account>>,
}

impl Accounts {
    /// No accounts yet, of a backend with a `home` of its own.
    pub(crate) fn new() -> Self {
        static HOMES: AtomicU64 = AtomicU64::new(0);
        Self {
            // Uniqueness is all that counts, and needs no ordering.
            home: HOMES.fetch_add(1, Ordering::Relaxed),
            slots: Vec::new(),
        }
    }

    /// Opens an account for a descriptor.
    pub(crate) fn adopt(&mut self, fd: OwnedFd) -> UringSocket {
        UringSocket {
            fd: ManuallyDrop::new(fd),
            home: self.home,
            number: self.open(),
        }
    }

    /// The descriptor of a socket that has its account here; EBADF for a socket of another backend.
    #[inline]
    pub(crate) fn own<'s>(&self, socket: &'s UringSocket) -> Result<&'s OwnedFd, Errno> {
        if socket.home == self.home {
            Ok(&socket.fd)
        } else {
            Err(Errno::EBADF)
        }
    }

    fn open(&mut self) -> u32 {
        let free = self.slots.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[index] = Some(Account::default());
        index as u32
    }

    /// Closes an account, unless something under its number may still complete.
    pub(crate) fn close(&mut self, number: u32) {
        if let Some(account) = self.slots.get_mut(number as usize)
            && !account.is_some_and(|account| account.is_busy())
        {
            *account = None;
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut Account> {
        self.slots.get_mut(number as usize)?.as_mut()
    }

    /// Every open account with its number.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Account)> {
        (0..)
            .zip(&mut self.slots)
            .filter_map(|(number, account)| Some((number, account.as_mut()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::Accounts;

    #[test]
    fn a_number_in_use_is_not_given_out_again() {
        let mut accounts = Accounts::new();
        assert_eq!((accounts.open(), accounts.open()), (0, 1));
        accounts.get_mut(0).expect("open").receive.arm();
        accounts.close(0);
        assert_eq!(accounts.open(), 2);
        accounts
            .get_mut(0)
            .expect("still open")
            .receive
            .complete(0, false);
        accounts.close(0);
        assert!(accounts.get_mut(0).is_none());
        assert_eq!(accounts.open(), 0);
    }
}

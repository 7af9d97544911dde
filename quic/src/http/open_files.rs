//! `OpenFiles`: how many files a server has open, and which client may open another.

use crate::server::{Account, Count};

/// The shares of the files left that one host and one network may have, as divisors: the more are
/// open, the fewer each may have, so that some are left for the next.
const HOST_SHARE: usize = 4;
const NETWORK_SHARE: usize = 2;

/// The files of one server.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    most: usize,
    open: Count,
}

/// The right to one open file, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    counts: [Count; 3],
}

impl OpenFiles {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            open: Count::default(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.open.get()
    }

    /// `None` if this account's share is used up. Each may have one file while there is one left.
    pub(crate) fn lease(&self, account: &Account) -> Option<Lease> {
        let free = self.most.saturating_sub(self.open.get());
        let share = |divisor: usize| (free / divisor).max(1);
        let may = free > 0
            && account.host.get() < share(HOST_SHARE)
            && account.network.get() < share(NETWORK_SHARE);
        may.then(|| {
            let counts = [&self.open, &account.host, &account.network].map(Count::clone);
            for count in &counts {
                count.add();
            }
            Lease { counts }
        })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        for count in &self.counts {
            count.subtract();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hoard(files: &OpenFiles, account: &Account) -> Vec<Lease> {
        std::iter::from_fn(|| files.lease(account)).collect()
    }

    #[test]
    fn a_host_leaves_some_for_others_and_a_network_too() {
        let files = OpenFiles::new(1000);
        let network = Count::default();
        let hosts = (0..4).map(|_| Account {
            host: Count::default(),
            network: network.clone(),
        });
        let held: Vec<_> = hosts.map(|host| hoard(&files, &host)).collect();
        let each: Vec<_> = held.iter().map(Vec::len).collect();
        // A fifth; and the network has a third.
        assert_eq!(each, [200, 133, 0, 0]);
        assert_eq!(files.count(), 333);
        assert!(hoard(&files, &Account::default()).len() > 100);
        drop(held);
        assert_eq!((files.count(), network.get()), (0, 0));
    }

    #[test]
    fn the_last_file_is_anybodys_and_there_are_no_more() {
        let files = OpenFiles::new(2);
        let accounts = [(); 3].map(|()| Account::default());
        let held = accounts.each_ref().map(|account| hoard(&files, account));
        assert_eq!(held.map(|held| held.len()), [1, 1, 0]);
    }
}

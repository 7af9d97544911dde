//! The queues of an interface: an AF_XDP socket binds only to one that is active.
//!
//! References: ethtool(8) --show-channels, linux/if_link.h IFLA_NUM_RX_QUEUES.

use crate::error::{Error, Result};
use crate::ethtool;
use crate::link::Link;

/// How many queues an interface has, and supports.
///
/// ```no_run
/// # let link = xskit_net::Link::by_name("eth1")?;
/// let queues = link.require_queue(3)?; // an error says how many are active
/// for queue in 0..queues.both() {
///     println!("a socket for queue {queue}");
/// }
/// # Ok::<(), xskit_net::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Queues {
    /// Receive queues that are active.
    pub rx: u32,
    /// Send queues that are active.
    pub tx: u32,
    /// The most receive queues that the device supports.
    pub max_rx: u32,
    /// The most send queues that the device supports.
    pub max_tx: u32,
    /// Combined channels, each a receive and a send queue (`ethtool -L IF combined N`). `rx` and
    /// `tx` include them.
    pub combined: u32,
    /// Whether the driver reported `rx` and `tx`. Some drivers can't; then they are what the device
    /// was created with, and only `bind(2)` shows what is active.
    pub is_exact: bool,
}

impl Queues {
    /// Number of queues that both receive and send: a socket for both directions binds to one of
    /// `0..both()`.
    #[must_use]
    pub fn both(&self) -> u32 {
        self.rx.min(self.tx)
    }
}

impl Link {
    /// `ioctl(SIOCETHTOOL, ETHTOOL_GCHANNELS)`: the queues that are active, and those that the
    /// device supports. Linux 3.0.
    ///
    /// # Errors
    /// [`Error::Call`], with ENODEV if the interface has gone or was renamed.
    pub fn queues(&self) -> Result<Queues> {
        let (possible_rx, possible_tx) = self.possible_queues;
        Ok(match ethtool::channels(&self.name)? {
            Some(channels) => Queues {
                rx: channels.rx.saturating_add(channels.combined),
                tx: channels.tx.saturating_add(channels.combined),
                max_rx: channels.max_rx.max(channels.max_combined),
                max_tx: channels.max_tx.max(channels.max_combined),
                combined: channels.combined,
                is_exact: true,
            },
            None => Queues {
                rx: possible_rx,
                tx: possible_tx,
                max_rx: possible_rx,
                max_tx: possible_tx,
                combined: 0,
                is_exact: false,
            },
        })
    }

    /// `ioctl(SIOCETHTOOL, ETHTOOL_SCHANNELS)`: activates this many combined channels, unless as
    /// many are active or the driver has no channels. Some drivers reset the device, and the link
    /// is down for seconds. Linux 3.0.
    ///
    /// # Errors
    /// [`Error::MissingCapability`] without CAP_NET_ADMIN; [`Error::Call`], with ENODEV if the
    /// interface has gone or was renamed, EINVAL if it can't have as many.
    pub fn set_combined(&self, combined: u32) -> Result<()> {
        ethtool::set_combined(&self.name, combined)
    }

    /// Checks that `queue` both receives and sends.
    ///
    /// # Errors
    /// [`Error::NoSuchQueue`] if it doesn't, with the counts; those of [`Link::queues`].
    pub fn require_queue(&self, queue: u32) -> Result<Queues> {
        let queues = self.queues()?;
        if queue < queues.both() {
            return Ok(queues);
        }
        let Queues {
            rx,
            tx,
            max_rx,
            max_tx,
            ..
        } = queues;
        Err(Error::NoSuchQueue {
            interface: self.name.clone(),
            queue,
            rx,
            tx,
            max_rx,
            max_tx,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without counts, veth creates a queue per CPU and activates one: the two numbers differ.
    #[test]
    fn queues_that_could_be_are_not_taken_for_active_ones() {
        let test = "queues_that_could_be_are_not_taken_for_active_ones";
        if !xskit_testbed::privilege::require_net_admin(test) {
            return;
        }
        let namespace = xskit_testbed::Namespace::new().unwrap();
        let made = namespace.run(|| {
            crate::ip("link add xsk9 type veth");
            let link = Link::by_name("xsk9").unwrap();
            let refusal = link.require_queue(1).unwrap_err();
            (link.possible_queues, link.queues().unwrap(), refusal)
        });
        let ((max_rx, max_tx), queues, refusal) = made.unwrap();
        let expected = Queues {
            rx: 1,
            tx: 1,
            max_rx,
            max_tx,
            combined: 0,
            is_exact: true,
        };
        assert_eq!(queues, expected);
        let says_more = refusal.to_string().contains("the device supports");
        assert_eq!(says_more, max_rx > 1 || max_tx > 1, "{refusal}");
    }
}

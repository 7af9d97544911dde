//! Two cards instead of a veth pair: the same tests and the same demo, on real drivers.
//!
//! `XSKIT_CARDS=02:00:00:00:00:01,02:00:00:00:00:02` names them by their Ethernet addresses, since
//! their names change: each is moved into a host's namespace and renamed there. When that namespace
//! goes, the kernel moves the card back to the machine's first namespace, some time later and under
//! its last name. The caller must be in that first namespace, and nothing else may use the two
//! cards: their IP addresses are lost.

use std::env;
use std::os::fd::AsFd;
use std::time::Duration;

use xskit_net::Link;
use xskit_net::netlink::Netlink;

use crate::configure::{self, LinkEnd};
use crate::error::{Error, Result};
use crate::namespace::Namespace;
use crate::pair::wait_for;

/// The variable that names the cards.
pub const VARIABLE: &str = "XSKIT_CARDS";

/// How long a card may take to return from the namespace of a host that is gone.
const RETURN_TIMEOUT: Duration = Duration::from_secs(60);

/// Whether the environment names cards, so that [`HostPair::new`](crate::HostPair::new) uses them.
#[must_use]
pub fn are_named() -> bool {
    env::var_os(VARIABLE).is_some_and(|value| !value.is_empty())
}

/// The Ethernet addresses of two cards.
pub(crate) struct Cards([[u8; 6]; 2]);

impl Cards {
    /// The cards that the environment names; `None` if it names none.
    pub(crate) fn from_environment() -> Result<Option<Self>> {
        if !are_named() {
            return Ok(None);
        }
        let value = env::var_os(VARIABLE).unwrap_or_default();
        let value = value.to_string_lossy();
        let cards = Self::parse(&value).ok_or_else(|| Error::CardsMalformed {
            value: value.to_string(),
        })?;
        Ok(Some(cards))
    }

    fn parse(value: &str) -> Option<Self> {
        let (first, second) = value.split_once(',')?;
        let (first, second) = (parse_mac(first)?, parse_mac(second)?);
        (first != second).then_some(Self([first, second]))
    }

    /// Moves each card into its host's namespace, as soon as it is back from the one before.
    pub(crate) fn move_to(&self, hosts: [(&Namespace, &LinkEnd<'_>); 2]) -> Result<()> {
        for (mac, (namespace, end)) in self.0.into_iter().zip(hosts) {
            let link = wait_for_card(mac)?;
            configure::move_link(&mut Netlink::open()?, &link, end, namespace.as_fd())?;
            namespace.run(|| Link::by_name(end.name)?.set_combined(end.queues))??;
        }
        Ok(())
    }
}

/// Waits until the card is in the namespace of the calling thread.
fn wait_for_card(mac: [u8; 6]) -> Result<Link> {
    let here = || Ok(Link::all()?.into_iter().find(|link| link.mac == Some(mac)));
    wait_for(RETURN_TIMEOUT, here)?.ok_or_else(|| Error::NoCard {
        mac: mac.map(|byte| format!("{byte:02x}")).join(":"),
        timeout: RETURN_TIMEOUT,
    })
}

/// Six bytes in hexadecimal, with colons between them.
fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut bytes = text.trim().split(':').map(|byte| {
        let is_byte = byte.len() == 2 && byte.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_byte.then(|| u8::from_str_radix(byte, 16).ok()).flatten()
    });
    let mut mac = [0; 6];
    for byte in &mut mac {
        *byte = bytes.next()??;
    }
    bytes.next().is_none().then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_different_addresses_are_taken_and_nothing_else() {
        let cards = Cards::parse("02:00:00:00:00:01, 02:00:00:00:00:fE").unwrap();
        assert_eq!(cards.0, [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 0xfe]]);
        for wrong in [
            "",
            "eth0,eth1",
            "02:00:00:00:00:01",
            "02:00:00:00:00:01,02:00:00:00:00:01",
            "02:00:00:00:00:01,02:00:00:00:00",
            "02:00:00:00:00:01,02:00:00:00:00:02:03",
            "02:00:00:00:00:01,02:00:00:00:00:+2",
        ] {
            assert!(Cards::parse(wrong).is_none(), "{wrong:?}");
        }
    }
}

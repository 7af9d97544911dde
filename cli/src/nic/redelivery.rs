//! Drivers that deliver a buffer twice in zero-copy mode, after which the kernel writes into a
//! frame that the program holds.
//!
//! igb: if `igb_alloc_rx_buffers_zc` runs out of buffers before the end of its ring, it leaves the
//! length of the next descriptor as it was. So whenever the fill ring runs dry,
//! `igb_clean_rx_irq_zc` runs on into stale descriptors, and delivers their buffers again.

/// A Linux version: 6.14 is (6, 14).
type Version = (u32, u32);

/// A driver, and the kernels in which it has the fault.
struct Affected {
    driver: &'static str,
    since: Version,
    /// The first version without it.
    fixed: Option<Version>,
}

/// No fixed version is known as of Linux 7.3.4.
const TABLE: [Affected; 1] = [Affected {
    driver: "igb",
    since: (6, 14),
    fixed: None,
}];

/// Whether this driver has the fault in this release of Linux, as uname(2) reports it.
pub(crate) fn affects(driver: &str, release: &str) -> bool {
    affected(&TABLE, driver, release)
}

fn affected(table: &[Affected], driver: &str, release: &str) -> bool {
    let Some(entry) = table.iter().find(|entry| entry.driver == driver) else {
        return false;
    };
    // A release that can't be read may be any.
    version(release).is_none_or(|version| {
        entry.since <= version && entry.fixed.is_none_or(|fixed| version < fixed)
    })
}

/// `7.3.4+deb13-amd64` is 7.3.
fn version(release: &str) -> Option<Version> {
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::{Affected, affected, affects};

    #[test]
    fn igb_is_affected_since_it_has_zero_copy() {
        for release in [
            "6.14.0",
            "6.18-rc1",
            "7.3.4+deb13-amd64",
            "10.0",
            "unreadable",
        ] {
            assert!(affects("igb", release), "{release}");
        }
        for release in ["6.13.12", "6.1.0-9-amd64", "5.19"] {
            assert!(!affects("igb", release), "{release}");
        }
        for driver in ["virtio_net", "igbvf", "igc", "veth", ""] {
            assert!(!affects(driver, "7.3.4"), "{driver}");
        }
    }

    #[test]
    fn a_fixed_version_ends_it() {
        let table = [Affected {
            driver: "x",
            since: (6, 14),
            fixed: Some((7, 5)),
        }];
        let is_affected = |release| affected(&table, "x", release);
        assert!(is_affected("7.4.99"));
        assert!(!is_affected("7.5.0") && !is_affected("8.0"));
    }
}

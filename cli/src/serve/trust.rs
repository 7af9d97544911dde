//! Which packets to believe, as the kernel would: by its addresses, its reverse path check and its
//! neighbours.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use xskit::net::{Changes, Link, ReversePath, address};
use xskit::quic::driver::ReversePathCheck;
use xskit::quic::server::LinkJudge;
use xskit::wire;

use crate::nic::path;
use crate::nic::socket::Driver;

/// How long a verdict holds: a flood of packets must not ask the kernel per packet.
const VERDICT_HOLDS: Duration = Duration::from_millis(100);

/// Has the driver drop what the kernel would drop, updated if `changes` affect it.
pub(crate) fn follow(
    driver: &mut Driver<'_, '_>,
    link: &Link,
    changes: Changes,
) -> anyhow::Result<()> {
    if changes.addresses || changes.routes {
        driver.distrust(address::of_host()?, reverse_path(link)?);
    }
    Ok(())
}

fn reverse_path(link: &Link) -> anyhow::Result<Option<ReversePathCheck>> {
    let Some(mut check) = ReversePath::of(link)? else {
        return Ok(None);
    };
    Ok(Some(Box::new(move |source, destination| {
        match (source, destination) {
            // If the kernel can't be asked, QUIC's own address validation is enough.
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                check.accepts(source, destination).unwrap_or(true)
            }
            _ => true,
        }
    })))
}

/// Judges whether another link to a known client is the one that the kernel would use.
pub(crate) fn link_judge(link: &Link) -> LinkJudge<wire::LinkPath> {
    let link = link.clone();
    let mut last: Option<(IpAddr, wire::LinkPath, Instant, bool)> = None;
    Box::new(move |client, known, new| {
        let now = Instant::now();
        if let Some((about, way, at, verdict)) = last
            && (about, way) == (client, new)
            && now.duration_since(at) < VERDICT_HOLDS
        {
            return verdict;
        }
        let kernels = path::known(&link, client);
        let verdict =
            kernels.is_some_and(|it| it.destination == new.destination) && known.tags == new.tags;
        last = Some((client, new, now, verdict));
        verdict
    })
}

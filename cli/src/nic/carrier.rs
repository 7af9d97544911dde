//! The wait for a carrier: some drivers lose it for seconds when an XDP program is attached or
//! detached, or when their channels change.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use xskit::net::{Error, Link};

use crate::report;
use crate::stop::Stop;

/// How long a carrier may take: a copper link takes 2 to 5 s.
const PATIENCE: Duration = Duration::from_secs(10);

/// A longer wait is reported.
const MOMENT: Duration = Duration::from_millis(300);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until packets can leave, and returns the interface as it is then. Returns early on `stop`.
pub(crate) fn wait(link: &Link, stop: Option<&Stop>) -> anyhow::Result<Link> {
    let started = Instant::now();
    let mut is_said = false;
    loop {
        let now = Link::by_index(link.index)?;
        match now.require_up() {
            Ok(()) => return Ok(now),
            Err(Error::NoCarrier { .. }) if stop.is_some_and(Stop::is_asked) => return Ok(now),
            Err(error @ Error::NoCarrier { .. }) if started.elapsed() >= PATIENCE => {
                return Err(anyhow!("{error} (waited {} s)", PATIENCE.as_secs()));
            }
            Err(Error::NoCarrier { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if !is_said && started.elapsed() >= MOMENT {
            is_said = true;
            report::say(format_args!(
                "xskit: note: waiting for the carrier of {}, for at most {} s",
                link.name,
                PATIENCE.as_secs()
            ));
        }
        thread::sleep(PAUSE);
    }
}

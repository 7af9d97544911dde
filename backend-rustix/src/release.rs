//! Retries of `bind(2)`: deferred work releases a queue some time after its socket was closed.

use std::thread;
use std::time::{Duration, Instant};

use xskit_core::Errno;

/// How long `bind(2)` is retried on EBUSY. The release takes 25 to 45 ms, longer on a loaded
/// machine.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(5);

/// Retries a bind that returns EBUSY, for at most two seconds.
///
/// # Errors
/// EBUSY if the queue is still taken then; any other error of `bind` at once.
pub fn until_released(mut bind: impl FnMut() -> Result<(), Errno>) -> Result<(), Errno> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match bind() {
            Err(Errno::EBUSY) if Instant::now() < deadline => thread::sleep(PAUSE),
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::until_released;
    use xskit_core::Errno;

    #[test]
    fn only_a_busy_queue_is_tried_again() {
        let mut tries = 0;
        let bound = until_released(|| {
            tries += 1;
            if tries < 3 { Err(Errno::EBUSY) } else { Ok(()) }
        });
        assert_eq!((bound, tries), (Ok(()), 3));
        let mut tries = 0;
        let refused = until_released(|| {
            tries += 1;
            Err(Errno::EINVAL)
        });
        assert_eq!((refused, tries), (Err(Errno::EINVAL), 1));
    }
}

//! The clock that the endpoints are shown: the real one, which quiche reads itself, put forward now and then.

use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    ahead: Duration,
}

impl Clock {
    pub(super) fn now(self) -> Instant {
        Instant::now() + self.ahead
    }

    pub(super) fn put_forward(&mut self, by: Duration) {
        self.ahead += by;
    }
}

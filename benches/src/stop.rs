//! The signal that ends a thread which runs beside a measurement.

use std::sync::atomic::{AtomicBool, Ordering};

/// Not set until its [`StopOnDrop`] is dropped.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Whether it is time to end.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets it when what is returned is dropped: also in a panic, so that a scope of threads ends.
    #[must_use]
    pub fn on_drop(&self) -> StopOnDrop<'_> {
        StopOnDrop(self)
    }
}

/// See [`Stop::on_drop`].
#[derive(Debug)]
pub struct StopOnDrop<'s>(&'s Stop);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

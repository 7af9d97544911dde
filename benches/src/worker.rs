//! A thread in a host that sets up once and then measures samples on request.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;
use std::time::Duration;

use xskit_testbed::Host;

/// The asking side, for criterion's `iter_custom`. The thread ends when this is dropped.
#[derive(Debug)]
pub struct Worker {
    orders: Sender<u64>,
    samples: Receiver<Duration>,
}

/// The asked side.
#[derive(Debug)]
pub struct Orders {
    orders: Receiver<u64>,
    samples: Sender<Duration>,
}

impl Worker {
    /// Starts a thread in `host`; `task` sets up and then calls [`Orders::answer`].
    pub fn start<'s, 'e>(
        scope: &'s Scope<'s, 'e>,
        host: &'e Host,
        task: impl FnOnce(&Orders) + Send + 's,
    ) -> Self {
        let (orders, ordered) = channel();
        let (measured, samples) = channel();
        let asked = Orders {
            orders: ordered,
            samples: measured,
        };
        scope.spawn(move || {
            host.namespace.enter().expect("in the host");
            task(&asked);
        });
        Self { orders, samples }
    }

    /// How long `iterations` took.
    ///
    /// # Panics
    /// When the thread panicked.
    #[must_use]
    pub fn sample(&self, iterations: u64) -> Duration {
        self.orders.send(iterations).expect("the worker is there");
        self.samples.recv().expect("the worker measures")
    }
}

impl Orders {
    /// Measures each request with `run`, until the [`Worker`] is dropped.
    pub fn answer(&self, mut run: impl FnMut(u64) -> Duration) {
        while let Ok(iterations) = self.orders.recv() {
            if self.samples.send(run(iterations)).is_err() {
                return;
            }
        }
    }
}

//! Criterion groups in which an iteration is a descriptor, at every batch size.

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use xskit_benches::descriptors;

/// Settings for what takes nanoseconds.
pub(crate) fn config() -> Criterion {
    Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

/// A group whose `time` is a descriptor's.
pub(crate) fn open<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(1));
    group
}

/// Measures one batch size. `stretch` passes [`descriptors::STRETCH`] descriptors in batches of
/// `batch` and returns the time that counts.
pub(crate) fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    batch: u32,
    mut stretch: impl FnMut() -> Duration,
) {
    group.bench_function(BenchmarkId::new("batch", batch), |bencher| {
        bencher.iter_custom(|iters| descriptors::time(iters, &mut stretch));
    });
}

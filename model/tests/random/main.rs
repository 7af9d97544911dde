//! Random sequences of steps, in worlds of every size; proptest shrinks failures.

mod strategy;

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRunner};
use xskit_core::sim::Rng;
use xskit_model::run::Passed;
use xskit_model::{ring_ops, run};

/// Adds what one run moved.
fn add(total: &Cell<Passed>, passed: Passed) {
    total.set(total.get() + passed);
}

/// Checks that enough moved, and that a call is for more than one packet, although kernels refuse
/// most.
fn check(total: Passed) {
    assert!(
        total.completed > 1000 && total.received > 1000,
        "hardly anything moved: {total:?}"
    );
    let packets = total.sent + total.received;
    assert!(total.calls < packets, "many calls: {total:?}");
}

#[test]
fn the_core_does_what_the_oracle_says() {
    let total = Cell::new(Passed::default());
    // The failing steps are in the message; they need no file.
    let cases = ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        // The default generator takes most of the time if dependencies are not optimised.
        rng_algorithm: RngAlgorithm::XorShift,
        ..ProptestConfig::default()
    };
    let worlds = (strategy::config(), strategy::ops());
    let result = TestRunner::new(cases).run(&worlds, |(config, ops)| {
        let passed =
            run(&config, &ops).map_err(|failure| TestCaseError::fail(failure.to_string()))?;
        add(&total, passed);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    let total = total.get();
    println!("random: {total:?}");
    check(total);
}

#[test]
fn a_fuzzers_bytes_make_worlds_that_hold() {
    let mut rng = Rng::new(0x7873_6b69);
    let total = Cell::new(Passed::default());
    for _ in 0..2000 {
        let words = rng.below(256);
        let bytes: Vec<u8> = (0..words)
            .flat_map(|_| rng.next_u64().to_le_bytes())
            .collect();
        add(&total, ring_ops(&bytes));
    }
    let total = total.get();
    println!("ring_ops: {total:?}");
    check(total);
}

//! Random sequences of steps, in worlds of every size; proptest shrinks failures.

use std::cell::Cell;

use arbitrary::{Arbitrary, Unstructured};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRunner};
use xskit_model::run::Passed;
use xskit_model::{Config, Op, run};

/// What a fuzzer makes of the same bytes.
fn made<T: for<'a> Arbitrary<'a>>(bytes: &[u8]) -> T {
    T::arbitrary(&mut Unstructured::new(bytes)).expect("missing bytes are zero")
}

/// Eight bytes per step, so that shrinking removes whole steps. A fuzzer's bytes seldom make a step
/// of the bare ring.
fn ops() -> impl Strategy<Value = Vec<Op>> {
    let any_op = any::<u64>().prop_map(|bytes| made(&bytes.to_le_bytes()));
    let ring_op = any::<u32>().prop_map(|bytes| Op::Ring(made(&bytes.to_le_bytes())));
    vec(prop_oneof![11 => any_op, 1 => ring_op], 0..300)
}

fn config() -> impl Strategy<Value = Config> {
    any::<[u8; 32]>().prop_map(|bytes| made(&bytes))
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
        cases: 4000,
        failure_persistence: None,
        // The default generator takes most of the time if dependencies are not optimised.
        rng_algorithm: RngAlgorithm::XorShift,
        ..ProptestConfig::default()
    };
    let result = TestRunner::new(cases).run(&(config(), ops()), |(config, ops)| {
        let passed =
            run(&config, &ops).map_err(|failure| TestCaseError::fail(failure.to_string()))?;
        total.set(total.get() + passed);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    let total = total.get();
    println!("random: {total:?}");
    check(total);
}

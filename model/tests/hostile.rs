//! The hostile kernel on random bytes, without a fuzzer.

use xskit_core::sim::Rng;
use xskit_model::hostile_kernel;

#[test]
fn no_kernel_makes_two_owners_of_a_frame() {
    let mut rng = Rng::new(0x686f_7374);
    let (mut bad, mut elsewhere, mut received, mut completed) = (0, 0, 0, 0);
    for _ in 0..4200 {
        let words = rng.below(256);
        let bytes: Vec<u8> = (0..words)
            .flat_map(|_| rng.next_u64().to_le_bytes())
            .collect();
        let seen = hostile_kernel(&bytes);
        bad += seen.bad;
        elsewhere += seen.elsewhere;
        received += seen.received;
        completed += seen.completed;
    }
    println!(
        "hostile: {bad} bad descriptors, {elsewhere} for frames of the other socket, \
         {received} received, {completed} completed"
    );
    let is_varied = bad > 1000 && elsewhere > 1000 && received > 1000 && completed > 1000;
    assert!(
        is_varied,
        "hardly anything passed: {bad}, {elsewhere}, {received}, {completed}"
    );
}

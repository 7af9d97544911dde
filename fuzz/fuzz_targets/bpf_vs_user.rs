//! Frames to the XDP program and to the header parser.

#![cfg_attr(fuzzing, no_main)]

use xskit_fuzz::bpf_vs_user;

xskit_fuzz::target!(bpf_vs_user::attack, before: leave_if_impossible());

fn leave_if_impossible() {
    if !bpf_vs_user::is_possible() {
        println!("skipped: needs {}", bpf_vs_user::NEEDED);
        std::process::exit(0);
    }
}

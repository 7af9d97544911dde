//! The requirements on every backend on a real kernel: one suite, generic over the backend.
//!
//! A backend's own tests name its constructor:
//!
//! ```
//! xskit_backend_suite::veth!(xskit_rustix::RustixBackend::new);
//! ```
//!
//! Each test makes its own hosts. Without the privileges it prints `skipped: needs CAP_…`.

pub mod conformance;
mod duplicate;
pub mod fixture;
pub mod leaks;
pub mod options;
pub mod received;
pub mod veth;

use std::os::fd::AsFd;

use xskit_core::Backend;

/// A backend whose sockets can be put into the XDP program's map.
pub trait RealBackend: Backend<Socket: AsFd> {}

impl<B: Backend<Socket: AsFd>> RealBackend for B {}

/// Functions of `$module` as tests, each on hosts with that many queues, where `$there` holds. They
/// take a bed, and `$more`.
#[doc(hidden)]
#[macro_export]
macro_rules! tests {
    (if $there:expr; $make:expr; $module:ident $more:tt; $($test:ident: $queues:literal)*) => {
        $($crate::tests! { $test: if $there; $make; $module $more; $queues })*
    };
    ($test:ident: if $there:expr; $make:expr; $module:ident ($($more:expr)?); $queues:literal) => {
        #[test]
        fn $test() {
            if $there
                && let Some(bed) = $crate::fixture::Bed::new(stringify!($test), $queues, &$make)
            {
                $crate::$module::$test(bed $(, $more)?);
            }
        }
    };
}

/// The tests on veth pairs, for backends made by `$make`. With `few:` fewer frames, for backends
/// that keep a core busy: two of them take all of two cores. With `if there =>` only where the
/// backend can be had.
#[macro_export]
macro_rules! veth {
    (if $there:expr => few: $make:expr) => {
        $crate::veth! { if $there; $make; frames_forwarded_stay_accounted_for }
    };
    (if $there:expr => $make:expr) => {
        $crate::veth! { if $there; $make; a_million_frames_forwarded_stay_accounted_for }
    };
    (if $there:expr; $make:expr; $forwarded:ident) => {
        $crate::tests! { if $there; $make; veth();
            $forwarded: 1
            a_taken_port_comes_to_the_socket_and_others_to_the_kernel: 1
            the_kernel_accepts_what_is_sent_checksums_and_all: 1
            what_the_kernel_refuses_is_named: 1
            a_queue_is_free_again_after_a_wait: 1
            a_wait_says_that_the_interface_is_gone: 1
        }
    };
    ($($make:tt)*) => {
        $crate::veth! { if true => $($make)* }
    };
}

/// The tests of the options that a socket can do without, for backends made by `$make`.
#[macro_export]
macro_rules! options {
    (if $there:expr => $make:expr) => {
        $crate::tests! { if $there; $make; options();
            a_kick_sends_as_much_as_the_kernel_grants: 1
            a_kick_sends_no_more_than_it_is_told_to: 1
            busy_polling_is_on_when_all_of_it_is_granted: 1
            busy_polling_that_is_granted_in_part_is_undone: 1
            busy_polling_without_the_capability_is_refused_and_the_socket_opens: 1
            an_empty_tx_ring_is_no_reason_to_call_the_kernel: 1
        }
    };
    ($make:expr) => {
        $crate::options! { if true => $make }
    };
}

/// The tests of sockets that were created elsewhere, for backends made by `$make`, which adopt a
/// descriptor by `$adopt`.
#[macro_export]
macro_rules! received {
    (if $there:expr => $make:expr, $adopt:expr) => {
        $crate::tests! { if $there; $make; received($adopt);
            a_descriptor_of_anything_else_is_refused_and_named: 1
        }
    };
    ($make:expr, $adopt:expr) => {
        $crate::received! { if true => $make, $adopt }
    };
}

/// The test that nothing is left behind, and that a duplicate of a socket's descriptor does no
/// harm, for backends made by `$make`. It counts its process's resources, so it must be alone in
/// it.
#[macro_export]
macro_rules! leaks {
    (if $there:expr => $make:expr) => {
        $crate::tests! { if $there; $make; leaks(); a_thousand_openings_leave_nothing_behind: 8 }
    };
    ($make:expr) => {
        $crate::leaks! { if true => $make }
    };
}

/// The kernel's own AF_XDP test, as far as xskit goes, for backends made by `$make`: see
/// [`mod@conformance`].
#[macro_export]
macro_rules! conformance {
    (if $there:expr => $make:expr) => {
        #[test]
        fn the_table_is_what_a_run_finds() {
            if $there {
                $crate::conformance::the_table_is_what_a_run_finds($make);
            }
        }
    };
    ($make:expr) => {
        $crate::conformance! { if true => $make }
    };
}

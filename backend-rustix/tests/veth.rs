//! The suite that every backend passes, on veth pairs.

mod block {
    xskit_backend_suite::veth!(xskit_rustix::RustixBackend::new);
}

mod busy {
    use xskit_rustix::{RustixBackend, RustixWait};

    xskit_backend_suite::veth!(few: || RustixBackend::with_wait(RustixWait::Busy));
}

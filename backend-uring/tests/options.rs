//! What a kernel grants beyond a socket.

mod availability;

use xskit_uring::{UringBackend, UringConfig};

xskit_backend_suite::options!(if availability::is_there(UringConfig::default()) => || {
    UringBackend::new(UringConfig::default()).expect("a ring")
});

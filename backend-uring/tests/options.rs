//! What a kernel grants beyond a socket.

use xskit_uring::{UringBackend, UringConfig};

xskit_backend_suite::options!(|| UringBackend::new(UringConfig::default()).expect("a ring"));

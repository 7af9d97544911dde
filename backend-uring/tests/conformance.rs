//! The cases of the kernel's own AF_XDP test, and the table of them.

mod availability;

use availability::is_there;
use xskit_uring::{UringBackend, UringConfig};

xskit_backend_suite::conformance!(if is_there(UringConfig::default()) => || {
    UringBackend::new(UringConfig::default()).expect("a ring")
});

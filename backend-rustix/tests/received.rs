//! Sockets that were created elsewhere, opened without any capability.

use xskit_rustix::RustixBackend;

xskit_backend_suite::received!(RustixBackend::new, RustixBackend::adopt);

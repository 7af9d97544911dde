//! What a kernel grants beyond a socket.

xskit_backend_suite::options!(xskit_rustix::RustixBackend::new);

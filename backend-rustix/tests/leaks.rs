//! Nothing is left open, mapped or pinned. Alone in its process, since it counts what the process
//! has.

xskit_backend_suite::leaks!(xskit_rustix::RustixBackend::new);

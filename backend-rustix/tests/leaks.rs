//! Nothing is left open, mapped or pinned. Alone in its process, because it counts the process's
//! resources.

xskit_backend_suite::leaks!(xskit_rustix::RustixBackend::new);

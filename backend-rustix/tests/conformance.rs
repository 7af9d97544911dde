//! The cases of the kernel's own AF_XDP test, and the table of them.

xskit_backend_suite::conformance!(xskit_rustix::RustixBackend::new);

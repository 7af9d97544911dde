//! The xskit backend of io_uring submissions.

//! Benchmarks of xskit, one layer a file.

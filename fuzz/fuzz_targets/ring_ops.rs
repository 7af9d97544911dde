//! A program and an honest kernel on the rings, against the oracle.

#![cfg_attr(fuzzing, no_main)]

xskit_fuzz::target!(xskit_model::ring_ops);

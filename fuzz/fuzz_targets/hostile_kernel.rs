//! A program on the rings of a hostile kernel.

#![cfg_attr(fuzzing, no_main)]

xskit_fuzz::target!(xskit_model::hostile_kernel);

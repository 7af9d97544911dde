//! Frames into the header parser.

#![cfg_attr(fuzzing, no_main)]

xskit_fuzz::target!(xskit_fuzz::wire_parse::attack);

//! The skeleton that libbpf-cargo generates from `xskit.bpf.c`: the compiled program, and typed access to its maps.

#![allow(unsafe_code)] // generated: raw pointers into libbpf's own object
#![allow(unreachable_pub)]
#![allow(clippy::undocumented_unsafe_blocks)]

include!(concat!(env!("OUT_DIR"), "/xskit.skel.rs"));

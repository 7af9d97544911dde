//! Fuzz targets of xskit, one attack surface each.
//!
//! An attack is a function that takes the bytes an attacker would send, and panics if what must hold doesn't. The programs
//! in `fuzz_targets/` hand such a function to libFuzzer when cargo-fuzz builds them, and otherwise to the files that they are
//! given; the tests run it over the seeds.
//!
//! | target | what the bytes are | what must hold |
//! | --- | --- | --- |
//! | `ring_ops` | steps of a program and of the kernel, on one socket or on two over one UMEM | the oracle sees the same, one owner for each frame, a cause for each call |
//! | `hostile_kernel` | the same, and arbitrary words and descriptors in the shared memory | nothing out of bounds, no panic, one owner for each frame, no frame back that was not taken, or that the kernel has by the other socket |
//! | `wire_parse` | a frame, to the header parser | payload inside the packet; written again, the headers are the same |
//! | `bpf_vs_user` (feature `bpf`) | a frame, to the XDP program and to the parser | both take it, or neither does |
//! | `udp_datagram` (feature `quic`) | what strangers, people on the path and peers send to a server or a client | every datagram counted, every bound kept, nothing but the file served |

#[cfg(feature = "bpf")]
pub mod bpf_vs_user;
pub mod frame;
pub mod replay;
pub mod rings;
pub mod seeds;
#[cfg(feature = "quic")]
pub mod udp_datagram;
pub mod wire_parse;

/// The body of a program in `fuzz_targets/`: an attack, and what to do before the first one.
#[macro_export]
macro_rules! target {
    ($attack:path) => {
        $crate::target!($attack, before: ());
    };
    ($attack:path, before: $before:expr) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(init: $before, |input: &[u8]| $attack(input));

        #[cfg(not(fuzzing))]
        fn main() -> std::process::ExitCode {
            $before;
            $crate::replay::files($attack)
        }
    };
}

//! The first inputs of each target, kept in `seeds/TARGET/`: `cargo run -p xskit-fuzz --example seeds` writes them, and a
//! test checks that the files are these.

mod frames;

use crate::wire_parse::{FIX_IPV4, FIX_UDP};

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The folder, named after the target.
    pub target: &'static str,
    /// The file.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The seeds of every target that these features compile.
pub fn all() -> Vec<Seed> {
    wire_parse()
}

fn wire_parse() -> Vec<Seed> {
    let seed = |(name, frame): (&str, Vec<u8>)| Seed {
        target: "wire_parse",
        name: name.to_owned(),
        bytes: [&[FIX_IPV4 | FIX_UDP][..], &frame].concat(),
    };
    frames::all().into_iter().map(seed).collect()
}

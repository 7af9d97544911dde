//! The first inputs of each target, kept in `seeds/TARGET/`: `cargo run -p xskit-fuzz --example seeds` writes them, and a
//! test checks that the files are these.

mod datagrams;
mod frames;
mod insiders;
mod operations;

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

/// The seeds of every target.
pub fn all() -> Vec<Seed> {
    let mut ring_ops = operations::random(0x9e37_79b9_7f4a_7c15);
    ring_ops.extend(operations::honest());
    let mut hostile_kernel = operations::random(0xd1b5_4a32_d192_ed03);
    hostile_kernel.extend(operations::igb());
    hostile_kernel.extend(operations::neighbours());
    let mut seeds = operations("ring_ops", ring_ops);
    seeds.extend(operations("hostile_kernel", hostile_kernel));
    seeds.extend(wire_parse());
    seeds.extend(bpf_vs_user());
    seeds.extend(udp_datagram());
    seeds
}

fn operations(target: &'static str, lists: Vec<(String, Vec<u8>)>) -> Vec<Seed> {
    let seed = |(name, bytes)| Seed {
        target,
        name,
        bytes,
    };
    lists.into_iter().map(seed).collect()
}

fn wire_parse() -> Vec<Seed> {
    let seed = |(name, frame): (&str, Vec<u8>)| Seed {
        target: "wire_parse",
        name: name.to_owned(),
        bytes: [&[FIX_IPV4 | FIX_UDP][..], &frame].concat(),
    };
    frames::all().into_iter().map(seed).collect()
}

fn bpf_vs_user() -> Vec<Seed> {
    // Rules for port 443 at any address, and at the frames' own; by prefix and range; by VLAN.
    let choices = [("any", 1), ("address", 4)];
    let longer = [("prefix", 7), ("vlan", 8)];
    let seed = |(name, frame): &(&str, Vec<u8>), (rules, choice): (&str, u8)| Seed {
        target: "bpf_vs_user",
        name: format!("{name}-{rules}"),
        bytes: [&[choice][..], frame].concat(),
    };
    let all = frames::all();
    let all = all.iter().zip(choices.into_iter().cycle());
    let all = all.map(|(frame, choice)| seed(frame, choice));
    let whole = frames::whole();
    let whole = whole
        .iter()
        .flat_map(|frame| longer.map(|choice| seed(frame, choice)));
    all.chain(whole).collect()
}

fn udp_datagram() -> Vec<Seed> {
    let seed = |(name, bytes): (&str, Vec<u8>)| Seed {
        target: "udp_datagram",
        name: name.to_owned(),
        bytes,
    };
    datagrams::all().into_iter().map(seed).collect()
}

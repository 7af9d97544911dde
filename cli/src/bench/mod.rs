//! `xskit bench`: raw packets through one queue.

mod bridge;
mod fwd;
mod packet;
mod ping;
mod rx;
mod tally;
mod tx;

use crate::args::{Bench, BenchArgs};

pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<()> {
    match &args.what {
        Bench::Tx(args) => tx::run(args),
        Bench::Rx(args) => rx::run(args),
        Bench::Fwd(args) => fwd::run(args),
        Bench::Ping(args) => ping::run(args),
    }
}

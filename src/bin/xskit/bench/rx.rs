//! `bench rx`: receives the packets of a port and drops them.

use std::os::fd::AsFd;

use xskit::core::umem::Umem;
use xskit::core::{Backend, Socket};
use xskit::rustix::MmapMemory;

use super::tally::{Clock, Tally};
use crate::args::RunArgs;
use crate::nic::Nic;
use crate::report;
use crate::session::{self, Task};

pub(crate) fn run(args: &RunArgs) -> anyhow::Result<()> {
    let mut nic = Nic::find(&args.socket)?;
    nic.lend_all_frames();
    let tally = session::run(&nic, args.socket.tuning.backend, Rx { args, nic: &nic })?;
    report::print(&tally, args.json)
}

struct Rx<'a> {
    args: &'a RunArgs,
    nic: &'a Nic,
}

impl Task for Rx<'_> {
    type Output = Tally;

    fn run<'u, B>(
        self,
        _umem: &'u Umem<'u, MmapMemory>,
        mut socket: Socket<'u, B>,
    ) -> anyhow::Result<Tally>
    where
        B: Backend,
        B::Socket: AsFd,
    {
        let attached = self
            .nic
            .attach(&socket, |program| program.take(self.args.port, None))?;
        let mut clock = Clock::start(self.args)?;
        let (mut packets, mut bytes) = (0, 0);
        while !clock.is_over() {
            let before = packets;
            for packet in socket.receive(self.args.batch) {
                packets += 1;
                bytes += packet.len() as u64;
            }
            socket.recycle();
            socket.flush()?;
            clock.rest(&socket, packets > before)?;
        }
        Tally::take(
            "rx",
            attached.mode(&socket),
            &mut socket,
            &clock,
            (packets, bytes),
        )
    }
}

//! `bench fwd`: sends the packets of a port back where they came from, in the frames they came in.

use std::os::fd::AsFd;

use xskit::core::umem::Umem;
use xskit::core::{Backend, Socket};
use xskit::rustix::MmapMemory;
use xskit::wire::swap_addresses;

use super::tally::{Clock, Tally};
use crate::args::RunArgs;
use crate::nic::Nic;
use crate::own::Taking;
use crate::report;
use crate::session::{self, Task};
use crate::stop::Stop;

pub(crate) fn run(args: &RunArgs) -> anyhow::Result<()> {
    let mut nic = Nic::find(&args.socket)?;
    nic.avoid_redelivery();
    nic.lend_frames(args.lend, true);
    let tally = session::run(&nic, Fwd { args, nic: &nic })?;
    report::print(&tally, args.json)
}

struct Fwd<'a> {
    args: &'a RunArgs,
    nic: &'a Nic,
}

impl Task for Fwd<'_> {
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
        let stop = Stop::on_signals()?;
        let mut attached = self
            .nic
            .attach(&socket, &stop, &Taking::Any(self.args.port))?;
        let mut clock = Clock::start(self.args, stop);
        let (mut packets, mut bytes) = (0, 0);
        while !clock.is_over() {
            let before = packets;
            let (mut receiver, mut transmitter) = socket.halves();
            let room = transmitter.room(self.args.batch);
            for mut packet in receiver.receive(room) {
                if swap_addresses(&mut packet).is_err() {
                    continue;
                }
                bytes += packet.len() as u64;
                // There is room; a packet that is refused all the same is dropped with its frame.
                packets += u64::from(transmitter.send(packet).is_ok());
            }
            socket
                .flush()
                .map_err(|errno| self.nic.kick_failed(errno))?;
            socket.recycle();
            let rested = clock.rest(self.nic, &mut socket, packets > before)?;
            attached.watch(rested);
        }
        let tally = Tally::take("fwd", self.nic, &mut socket, &clock, (packets, bytes))?;
        tally.under(&mut attached, &socket)
    }
}

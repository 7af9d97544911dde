//! `bench rx`: receives the packets of a port and drops them.

use std::hint::spin_loop;
use std::slice;

use super::tally::{Clock, Tally};
use crate::args::RxArgs;
use crate::nic::Nic;
use crate::nic::own::Taking;
use crate::nic::socket::{self, Socket};
use crate::report;
use crate::stop::Stop;

pub(crate) fn run(args: &RxArgs) -> anyhow::Result<()> {
    let mut nic = Nic::find(&args.run.socket)?;
    nic.avoid_redelivery();
    nic.lend_frames(args.run.lend, false);
    let tally = socket::run(&nic, |socket| Rx { args, nic: &nic }.run(socket))?;
    report::print(&tally, args.run.json)
}

struct Rx<'a> {
    args: &'a RxArgs,
    nic: &'a Nic,
}

impl Rx<'_> {
    fn run(self, socket: &mut Socket<'_>) -> anyhow::Result<Tally> {
        let run = &self.args.run;
        let stop = Stop::on_signals()?;
        let taking = match self.args.take_all {
            true => Taking::All,
            false => Taking::Any(run.port),
        };
        let mut attached = self.nic.attach(socket, &stop, &taking)?;
        let mut clock = Clock::start(run, stop);
        let (mut packets, mut bytes) = (0, 0);
        while !clock.is_over() {
            let before = packets;
            for packet in socket.receive(run.batch) {
                packets += 1;
                bytes += packet.len() as u64;
            }
            socket.recycle();
            socket
                .flush()
                .map_err(|errno| self.nic.kick_failed(errno))?;
            let found = packets - before;
            if (1..u64::from(run.batch)).contains(&found) {
                (0..self.args.pause).for_each(|_| spin_loop());
            }
            let rested = clock.rest(slice::from_ref(self.nic), &mut [&mut *socket], found > 0)?;
            attached.watch(rested);
        }
        let tally = Tally::take("rx", self.nic, socket, &clock, (packets, bytes))?;
        tally.under(&mut attached, socket)
    }
}

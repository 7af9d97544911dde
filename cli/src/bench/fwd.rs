//! `bench fwd`: sends the packets of a port back to their sender, in the frames they came in.

use std::slice;

use xskit::wire::swap_addresses;

use super::bridge;
use super::tally::{Clock, Tally};
use crate::args::{FwdArgs, RunArgs};
use crate::nic::Nic;
use crate::nic::own::Taking;
use crate::nic::socket::{self, Socket};
use crate::report;
use crate::stop::Stop;

pub(crate) fn run(args: &FwdArgs) -> anyhow::Result<()> {
    if let Some(to_iface) = &args.to_iface {
        return bridge::run(args, to_iface);
    }
    let args = &args.run;
    let mut nic = Nic::find(&args.socket)?;
    nic.avoid_redelivery();
    nic.lend_frames(args.lend, true);
    let tally = socket::run(&nic, |socket| Fwd { args, nic: &nic }.run(socket))?;
    report::print(&tally, args.json)
}

struct Fwd<'a> {
    args: &'a RunArgs,
    nic: &'a Nic,
}

impl Fwd<'_> {
    fn run(self, socket: &mut Socket<'_>) -> anyhow::Result<Tally> {
        let stop = Stop::on_signals()?;
        let mut attached = self
            .nic
            .attach(socket, &stop, &Taking::Any(self.args.port))?;
        let mut clock = Clock::start(self.args, stop);
        let (mut packets, mut bytes) = (0, 0);
        while !clock.is_over() {
            let before = packets;
            let (mut receiver, mut transmitter) = socket.halves();
            let mut reservation = transmitter.reserve(self.args.batch);
            for mut packet in receiver.receive(reservation.len()) {
                if swap_addresses(&mut packet).is_err() {
                    continue;
                }
                bytes += packet.len() as u64;
                // There is a slot; a packet that is still refused is dropped with its frame.
                packets += u64::from(reservation.send(packet).is_ok());
            }
            socket
                .flush()
                .map_err(|errno| self.nic.kick_failed(errno))?;
            socket.recycle();
            let rested = clock.rest(
                slice::from_ref(self.nic),
                &mut [&mut *socket],
                packets > before,
            )?;
            attached.watch(rested);
        }
        let tally = Tally::take("fwd", self.nic, socket, &clock, (packets, bytes))?;
        tally.under(&mut attached, socket)
    }
}

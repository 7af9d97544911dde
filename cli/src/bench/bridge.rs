//! `bench fwd --to-iface`: forwards the packets of a port, or all frames, between two interfaces,
//! in the frames they came in.

use anyhow::{bail, ensure};

use super::tally::{Clock, Tally};
use crate::args::{FwdArgs, SocketArgs};
use crate::nic::Nic;
use crate::nic::own::Taking;
use crate::nic::socket::{self, Socket};
use crate::report;
use crate::stop::Stop;

pub(crate) fn run(args: &FwdArgs, to_iface: &str) -> anyhow::Result<()> {
    let other = SocketArgs {
        iface: to_iface.to_owned(),
        ..args.run.socket.clone()
    };
    let mut nics = [Nic::find(&args.run.socket)?, Nic::find(&other)?];
    ensure!(
        nics[0].link.index != nics[1].link.index,
        "--to-iface: {} is also --iface; leave --to-iface out to send packets back by the \
         interface they came in on",
        nics[0].link.name
    );
    for nic in &mut nics {
        nic.avoid_redelivery();
        nic.lend_frames(args.run.lend, true);
        nic.lend_at_most(args.run.socket.tuning.frames / 4);
    }
    let tally = socket::run_pair(&nics, |sockets| {
        let bridge = Bridge { args, nics: &nics };
        bridge.run(sockets)
    })?;
    report::print(&tally, args.run.json)
}

struct Bridge<'a> {
    args: &'a FwdArgs,
    nics: &'a [Nic; 2],
}

impl Bridge<'_> {
    fn run<'u>(self, sockets: &mut [Socket<'u>]) -> anyhow::Result<Tally> {
        let stop = Stop::on_signals()?;
        let [left, right] = sockets else {
            bail!("{} sockets for two interfaces", sockets.len());
        };
        let taking = match self.args.take_all {
            true => Taking::All,
            false => Taking::Any(self.args.run.port),
        };
        let mut attached = [
            self.nics[0].attach(left, &stop, &taking)?,
            self.nics[1].attach(right, &stop, &taking)?,
        ];
        let mut clock = Clock::start(&self.args.run, stop);
        let mut passed = Passed::default();
        while !clock.is_over() {
            let before = passed.packets;
            self.pass_on(left, right, &mut passed);
            self.pass_on(right, left, &mut passed);
            for (nic, socket) in self.nics.iter().zip([&mut *left, &mut *right]) {
                socket.flush().map_err(|errno| nic.kick_failed(errno))?;
                socket.recycle();
            }
            let sockets = &mut [&mut *left, &mut *right];
            let rested = clock.rest(self.nics, sockets, passed.packets > before)?;
            for attached in &mut attached {
                attached.watch(rested);
            }
        }
        let counts = (passed.packets, passed.bytes);
        let tally = Tally::take("fwd", &self.nics[0], left, &clock, counts)?;
        let tally = tally.under(&mut attached[0], left)?;
        tally
            .with(&self.nics[1], right)?
            .under(&mut attached[1], right)
    }

    /// Moves a batch from one socket's RX ring to the other's TX ring. Packets without a TX slot
    /// wait.
    fn pass_on<'u>(&self, from: &mut Socket<'u>, to: &mut Socket<'u>, passed: &mut Passed) {
        let (_, mut transmitter) = to.halves();
        let mut reservation = transmitter.reserve(self.args.run.batch);
        for packet in from.receive(reservation.len()) {
            passed.bytes += packet.len() as u64;
            // There is a slot, and both sockets share the UMEM.
            passed.packets += u64::from(reservation.send(packet).is_ok());
        }
    }
}

/// What was forwarded, in both directions.
#[derive(Default)]
struct Passed {
    packets: u64,
    bytes: u64,
}

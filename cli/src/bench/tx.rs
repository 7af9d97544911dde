//! `bench tx`: sends packets as fast as they go.

use std::fmt;

use anyhow::Context;
use xskit::af_xdp::Errno;
use xskit::af_xdp::socket::ZeroCopy;

use super::packet;
use super::tally::{Clock, Tally};
use crate::args::FlowArgs;
use crate::nic::attached::Passing;
use crate::nic::socket::{self, Socket};
use crate::nic::{Nic, carrier};
use crate::report;
use crate::stop::Stop;

pub(crate) fn run(args: &FlowArgs) -> anyhow::Result<()> {
    let mut nic = Nic::find(&args.run.socket)?;
    nic.lend_few_frames();
    let packet = packet::build(args, &nic.link)?;
    let stop = Stop::on_signals()?;
    let send = |nic: &Nic| {
        let (packet, stop) = (packet.clone(), stop.clone());
        let task = Tx {
            args,
            packet,
            stop,
            nic,
        };
        socket::run(nic, |socket| task.run(socket))
    };
    let tally = match send(&nic) {
        Err(error) if nic.config.zero_copy == ZeroCopy::Auto && error.is::<WithoutProgram>() => {
            let cause = report::describe(&error);
            report::say(format_args!("xskit: note: sending in copy mode: {cause}"));
            nic.config.zero_copy = ZeroCopy::Refuse;
            send(&nic)?
        }
        outcome => outcome?,
    };
    report::print(&tally, args.run.json)
}

/// The driver sends by zero-copy only under an XDP program, and none could be attached.
#[derive(Debug)]
struct WithoutProgram(String);

impl fmt::Display for WithoutProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: the driver sends by zero-copy only while an XDP program is on the interface, and \
             none could be attached (--zero-copy refuse)",
            self.0
        )
    }
}

struct Tx<'a> {
    args: &'a FlowArgs,
    packet: Vec<u8>,
    stop: Stop,
    nic: &'a Nic,
}

impl Tx<'_> {
    fn run(self, socket: &mut Socket<'_>) -> anyhow::Result<Tally> {
        self.prepare(socket)?;
        let start = || Clock::start(&self.args.run, self.stop.clone());
        let mut clock = start();
        let mut passing = None;
        let range = 0..self.packet.len();
        while !clock.is_over() {
            let (_, mut transmitter) = socket.halves();
            let mut reservation = transmitter.reserve(self.args.run.batch);
            while !reservation.is_empty() {
                let Some(mut frame) = reservation.alloc() else {
                    break;
                };
                frame.set_range(range.clone())?;
                if reservation.send(frame).is_err() {
                    break;
                }
            }
            match socket.flush() {
                Err(Errno::EINVAL | Errno::ENXIO)
                    if socket.obtained().zero_copy && passing.is_none() =>
                {
                    passing = Some(self.attach_passing()?);
                    clock = start();
                }
                outcome => outcome.map_err(|errno| self.nic.kick_failed(errno))?,
            }
            socket.recycle();
        }
        // Packets that are still on the ring were not sent.
        let unsent = u64::from(socket.accounting().tx);
        let packets = socket.halves().1.sent() - unsent;
        let bytes = packets * self.packet.len() as u64;
        Tally::take("tx", self.nic, socket, &clock, (packets, bytes))
    }

    /// Writes the packet into every free frame, once: sending doesn't change it.
    fn prepare(&self, socket: &Socket<'_>) -> anyhow::Result<()> {
        let mut frames = Vec::new();
        while let Some(mut frame) = socket.alloc() {
            frame.set_range(0..self.packet.len())?;
            frame.copy_from_slice(&self.packet);
            frames.push(frame);
        }
        Ok(())
    }

    /// Attaches a program that passes every packet, for drivers that refuse to send by zero-copy
    /// without one: igb, ixgbe, stmmac and gve say EINVAL, igc ENXIO.
    fn attach_passing(&self) -> anyhow::Result<Passing> {
        let passing = self
            .nic
            .attach_passing()
            .context(WithoutProgram(self.nic.to_string()))?;
        report::say(format_args!(
            "xskit: note: {} sends by zero-copy only while an XDP program is on the interface, so \
             one that passes every packet was attached",
            self.nic
        ));
        carrier::wait(&self.nic.link, Some(&self.stop))?;
        Ok(passing)
    }
}

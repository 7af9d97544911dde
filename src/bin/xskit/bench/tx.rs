//! `bench tx`: sends packets as fast as they go.

use std::os::fd::AsFd;

use xskit::core::umem::Umem;
use xskit::core::{Backend, Socket};
use xskit::rustix::MmapMemory;

use super::packet;
use super::tally::{Clock, Tally};
use crate::args::FlowArgs;
use crate::nic::{self, Nic};
use crate::report;
use crate::session::{self, Task};

pub(crate) fn run(args: &FlowArgs) -> anyhow::Result<()> {
    let mut nic = Nic::find(&args.run.socket)?;
    nic.lend_few_frames();
    let packet = packet::build(args, &nic.link)?;
    let tally = session::run(
        &nic,
        Tx {
            args,
            packet,
            nic: &nic,
        },
    )?;
    report::print(&tally, args.run.json)
}

struct Tx<'a> {
    args: &'a FlowArgs,
    packet: Vec<u8>,
    nic: &'a Nic,
}

impl Task for Tx<'_> {
    type Output = Tally;

    /// Writes the packet into every frame, once: sending doesn't change it.
    fn prepare(&mut self, umem: &Umem<'_, MmapMemory>) -> anyhow::Result<()> {
        let mut frames = Vec::with_capacity(umem.frame_count() as usize);
        while let Some(mut frame) = umem.alloc() {
            frame.set_range(0..self.packet.len())?;
            frame.copy_from_slice(&self.packet);
            frames.push(frame);
        }
        Ok(())
    }

    fn run<'u, B>(
        self,
        umem: &'u Umem<'u, MmapMemory>,
        mut socket: Socket<'u, B>,
    ) -> anyhow::Result<Tally>
    where
        B: Backend,
        B::Socket: AsFd,
    {
        let clock = Clock::start(&self.args.run)?;
        let range = 0..self.packet.len();
        while !clock.is_over() {
            let (_, mut transmitter) = socket.halves();
            for _ in 0..transmitter.room(self.args.run.batch) {
                let Some(mut frame) = umem.alloc() else { break };
                frame.set_range(range.clone())?;
                if transmitter.send(frame).is_err() {
                    break;
                }
            }
            socket.flush()?;
            socket.recycle();
        }
        // What the kernel has not taken off the ring was not sent.
        let unsent = u64::from(socket.accounting().tx);
        let packets = socket.halves().1.sent() - unsent;
        let mode = nic::copy_mode(&socket).to_owned();
        let bytes = packets * self.packet.len() as u64;
        Tally::take("tx", mode, self.nic, &mut socket, &clock, (packets, bytes))
    }
}

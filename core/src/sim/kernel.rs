//! The simulated kernel: its sockets and the wire between its two interfaces.

use super::Rng;
use super::socket::KernelSocket;
use super::wire::{Wire, WireConfig};
use crate::abi::{SockaddrXdp, bind_flags};
use crate::backend::Calls;
use crate::errno::Errno;

/// The two interfaces, by index.
const IFINDEXES: [u32; 2] = [1, 2];

/// Queues of each.
const QUEUES: u32 = 1;

/// All of the simulated kernel's state.
#[derive(Debug)]
pub(super) struct Kernel {
    sockets: Vec<Option<KernelSocket>>,
    /// The wire into each interface.
    wires: [Wire; 2],
    rng: Rng,
    pub(super) calls: Calls,
    /// The option that is refused, and with what.
    pub(super) refused: Option<(&'static str, Errno)>,
    /// Whether the devices' queues are full.
    pub(super) is_stalled: bool,
}

impl Kernel {
    pub(super) fn new(wire: WireConfig, seed: u64) -> Self {
        Self {
            sockets: Vec::new(),
            wires: [Wire::new(wire), Wire::new(wire)],
            rng: Rng::new(seed),
            calls: Calls::default(),
            refused: None,
            is_stalled: false,
        }
    }

    pub(super) fn open(&mut self) -> usize {
        self.sockets.push(Some(KernelSocket::default()));
        self.sockets.len() - 1
    }

    pub(super) fn close(&mut self, id: usize) {
        if let Some(socket) = self.sockets.get_mut(id) {
            *socket = None;
        }
    }

    pub(super) fn open_sockets(&self) -> usize {
        self.sockets.iter().flatten().count()
    }

    pub(super) fn socket(&mut self, id: usize) -> Result<&mut KernelSocket, Errno> {
        self.sockets
            .get_mut(id)
            .and_then(Option::as_mut)
            .ok_or(Errno(9))
    }

    /// `bind(2)`, with the errors of `xsk_bind`.
    pub(super) fn bind(&mut self, id: usize, address: &SockaddrXdp) -> Result<(), Errno> {
        if !IFINDEXES.contains(&address.ifindex) {
            return Err(Errno::ENODEV);
        }
        if address.queue_id >= QUEUES {
            return Err(Errno::EINVAL);
        }
        if address.flags & bind_flags::ZEROCOPY != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        if self.bound_to(address.ifindex, address.queue_id).is_some() {
            return Err(Errno::EBUSY);
        }
        let socket = self.socket(id)?;
        if socket.umem.is_none() {
            return Err(Errno::EINVAL);
        }
        socket.bound = Some(*address);
        Ok(())
    }

    /// One call to send: as many packets as its budget says at most, EAGAIN when more are left.
    pub(super) fn transmit(&mut self, id: usize) -> Result<(), Errno> {
        let bound = self.socket(id)?.bound.ok_or(Errno::ENXIO)?;
        let to = usize::from(bound.ifindex == IFINDEXES[0]);
        let mut full = Ok(());
        let budget = match self.is_stalled {
            true => 0,
            false => self.socket(id)?.transmit_budget(),
        };
        for _ in 0..budget {
            match self.socket(id)?.take_packet() {
                Ok(Some(packet)) => self.wires[to].send(packet, &mut self.rng),
                Ok(None) => break,
                Err(errno) => {
                    full = Err(errno);
                    break;
                }
            }
        }
        self.arrive(to, false);
        match self.socket(id)?.has_to_send() {
            true => full.and(Err(Errno::EAGAIN)),
            false => full,
        }
    }

    /// Delivers everything that is under way.
    pub(super) fn pass_time(&mut self) {
        self.arrive(0, true);
        self.arrive(1, true);
    }

    fn arrive(&mut self, interface: usize, time_passes: bool) {
        let receiver = self.bound_to(IFINDEXES[interface], 0);
        while let Some(packet) = self.wires[interface].arrive(time_passes) {
            if let Some(socket) = receiver.and_then(|id| self.sockets[id].as_mut()) {
                socket.deliver(&packet);
            }
        }
    }

    fn bound_to(&self, ifindex: u32, queue: u32) -> Option<usize> {
        self.sockets.iter().position(|socket| {
            socket
                .as_ref()
                .and_then(|socket| socket.bound)
                .is_some_and(|at| at.ifindex == ifindex && at.queue_id == queue)
        })
    }
}

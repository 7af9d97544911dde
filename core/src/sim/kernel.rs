//! The simulated kernel: its sockets and the wire between its two interfaces.

use std::fmt;

use super::driver::SimDriver;
use super::socket::KernelSocket;
use super::wire::{Wire, WireConfig};
use super::{Device, Rng};
use crate::abi::{SockaddrXdp, bind_flags};
use crate::backend::{Calls, RingKind};
use crate::errno::Errno;

/// The two interfaces, by index.
const IFINDEXES: [u32; 2] = [1, 2];

/// Queues of each.
const QUEUES: u32 = 1;

/// All of the simulated kernel's state.
pub(super) struct Kernel {
    sockets: Vec<Option<KernelSocket>>,
    /// The wire into each interface.
    wires: [Wire; 2],
    rng: Rng,
    pub(super) calls: Calls,
    /// The option that is refused, and the error.
    pub(super) refused: Option<(&'static str, Errno)>,
    /// Packets that the devices' queues have room for, in copy mode; `None` is no limit.
    pub(super) room: Option<u32>,
    /// The driver of both interfaces, if it has a zero-copy mode.
    pub(super) driver: Option<SimDriver>,
    /// Whether an XDP program is attached to both.
    pub(super) has_program: bool,
    /// The error that kicks return without doing anything.
    pub(super) kick_error: Option<Errno>,
    /// The device that interface 1 is, instead of an end of the wire.
    pub(super) device: Option<Box<dyn Device>>,
}

/// Short for any size of the rings and any number of packets in transit: printing a backend or a
/// socket prints this.
impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel")
            .field("open_sockets", &self.open_sockets())
            .field("driver", &self.driver)
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

impl Kernel {
    pub(super) fn new(wire: WireConfig, seed: u64) -> Self {
        Self {
            sockets: Vec::new(),
            wires: [Wire::new(wire), Wire::new(wire)],
            rng: Rng::new(seed),
            calls: Calls::default(),
            refused: None,
            room: None,
            driver: None,
            has_program: true,
            kick_error: None,
            device: None,
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
            .ok_or(Errno::EBADF)
    }

    /// `bind(2)`, with the errors of `xsk_bind`.
    pub(super) fn bind(&mut self, id: usize, address: &SockaddrXdp) -> Result<(), Errno> {
        if !self.has_interface(address.ifindex) {
            return Err(Errno::ENODEV);
        }
        if address.queue_id >= QUEUES {
            return Err(Errno::EINVAL);
        }
        if address.flags & bind_flags::ZEROCOPY != 0 && self.driver.is_none() {
            return Err(Errno::EOPNOTSUPP);
        }
        if self.bound_to(address.ifindex, address.queue_id).is_some() {
            return Err(Errno::EBUSY);
        }
        let socket = self.socket(id)?;
        if socket.umem.is_none() {
            return Err(Errno::EINVAL);
        }
        self.start(id, *address);
        Ok(())
    }

    /// `bind(2)` with XDP_SHARED_UMEM, of a socket with rings of its own: over the UMEM of the
    /// socket `with`, in its mode, on another queue or interface.
    pub(super) fn bind_shared(
        &mut self,
        id: usize,
        address: &SockaddrXdp,
        with: usize,
    ) -> Result<(), Errno> {
        if !self.has_interface(address.ifindex) {
            return Err(Errno::ENODEV);
        }
        let other = self.socket(with)?;
        let (umem, bound) = (other.umem, other.bound.ok_or(Errno::EBADF)?);
        let place = (address.ifindex, address.queue_id);
        let is_alone = address.flags == bind_flags::SHARED_UMEM;
        if !is_alone || address.queue_id >= QUEUES || place == (bound.ifindex, bound.queue_id) {
            return Err(Errno::EINVAL);
        }
        if self.bound_to(place.0, place.1).is_some() {
            return Err(Errno::EBUSY);
        }
        let socket = self.socket(id)?;
        if socket.umem.is_some() {
            return Err(Errno::EINVAL);
        }
        socket.umem = umem;
        let flags = bound.flags;
        self.start(id, SockaddrXdp { flags, ..*address });
        Ok(())
    }

    fn has_interface(&self, ifindex: u32) -> bool {
        match self.device {
            Some(_) => ifindex == IFINDEXES[0],
            None => IFINDEXES.contains(&ifindex),
        }
    }

    /// Binds a socket, and does what its driver does at once.
    fn start(&mut self, id: usize, bound: SockaddrXdp) {
        if let Ok(socket) = self.socket(id) {
            socket.bound = Some(bound);
        }
        if let Some(driver) = self.zero_copy_driver(id) {
            self.refill(id, driver);
        }
    }

    /// The driver of a socket's interface, if it serves the socket in zero-copy mode.
    pub(super) fn zero_copy_driver(&mut self, id: usize) -> Option<SimDriver> {
        let flags = self.socket(id).ok()?.bound?.flags;
        self.driver.filter(|_| flags & bind_flags::COPY == 0)
    }

    /// One call to send, in either mode.
    pub(super) fn kick(&mut self, id: usize) -> Result<(), Errno> {
        self.wake(id, RingKind::Tx, |kernel| kernel.transmit(id))
    }

    /// One call to look at the fill ring.
    pub(super) fn wake_fill(&mut self, id: usize) -> Result<(), Errno> {
        self.wake(id, RingKind::Fill, |_| Ok(()))
    }

    /// `xsk_wakeup` in zero-copy mode: it schedules the driver's work, if the ring's flag asks.
    fn wake(
        &mut self,
        id: usize,
        ring: RingKind,
        copy: impl FnOnce(&mut Self) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        if let Some(errno) = self.kick_error {
            return Err(errno);
        }
        let Some(driver) = self.zero_copy_driver(id) else {
            return copy(self);
        };
        if let (Some(errno), false) = (driver.without_program, self.has_program) {
            return Err(errno);
        }
        let socket = self.socket(id)?;
        if socket.wants(ring) {
            socket.scheduled[usize::from(ring == RingKind::Fill)] = true;
        }
        Ok(())
    }

    /// Sets or clears NEED_WAKEUP of all fill rings.
    pub(super) fn ask_for_frames(&self, is_asking: bool) {
        for socket in self.sockets.iter().flatten() {
            socket.want(RingKind::Fill, is_asking);
        }
    }

    /// The scheduled work of zero-copy drivers on the TX ring: a round each.
    fn run_drivers(&mut self) {
        for id in 0..self.sockets.len() {
            let Some(driver) = self.zero_copy_driver(id) else {
                continue;
            };
            let Ok(socket) = self.socket(id) else {
                continue;
            };
            let [transmit, fill] = std::mem::take(&mut socket.scheduled);
            if transmit {
                self.send_round(id, driver);
            }
            if fill {
                self.refill(id, driver);
            }
        }
    }

    fn send_round(&mut self, id: usize, driver: SimDriver) {
        let weight = driver.weight;
        let mut sent = Vec::new();
        let Ok(socket) = self.socket(id) else {
            return;
        };
        while sent.len() < weight
            && let Ok(Some(packet)) = socket.take_packet()
        {
            sent.push(packet);
        }
        // After a whole round the driver continues by itself; otherwise it must be woken.
        let goes_on = sent.len() == weight;
        socket.scheduled[0] = goes_on;
        socket.want(RingKind::Tx, !goes_on);
        let to = usize::from(socket.bound.is_some_and(|at| at.ifindex == IFINDEXES[0]));
        for packet in sent {
            self.wires[to].send(packet, &mut self.rng);
        }
    }

    /// The driver takes frames for its receive queue, and asks for more if it is short.
    fn refill(&mut self, id: usize, driver: SimDriver) {
        if let Ok(socket) = self.socket(id) {
            let missing = socket.fill_card(driver.queue);
            let is_short = missing > 0 && socket.card_len() < driver.weight;
            socket.want(RingKind::Fill, driver.always_asks || is_short);
        }
    }

    /// One call to send: at most as many packets as the budget allows, EAGAIN if more are left.
    pub(super) fn transmit(&mut self, id: usize) -> Result<(), Errno> {
        let bound = self.socket(id)?.bound.ok_or(Errno::ENXIO)?;
        let to = usize::from(bound.ifindex == IFINDEXES[0]);
        let mut full = Ok(());
        let budget = self.socket(id)?.transmit_budget();
        for _ in 0..budget.min(self.room.unwrap_or(u32::MAX)) {
            match self.socket(id)?.take_packet() {
                Ok(Some(packet)) => {
                    self.room = self.room.map(|room| room - 1);
                    match &mut self.device {
                        Some(device) => device.send(&packet)?,
                        None => self.wires[to].send(packet, &mut self.rng),
                    }
                }
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

    /// Runs scheduled work, and delivers all packets in transit.
    pub(super) fn pass_time(&mut self) {
        self.run_drivers();
        self.take_in();
        self.arrive(0, true);
        self.arrive(1, true);
    }

    /// Delivers packets from the device, as far as its socket has room.
    fn take_in(&mut self) {
        let receiver = self.bound_to(IFINDEXES[0], 0);
        let socket = receiver.and_then(|id| self.sockets[id].as_mut());
        if let (Some(device), Some(socket)) = (&mut self.device, socket) {
            while socket.has_room()
                && let Some(packet) = device.receive()
            {
                socket.deliver(&packet);
            }
        }
    }

    fn arrive(&mut self, interface: usize, time_passes: bool) {
        let receiver = self.bound_to(IFINDEXES[interface], 0);
        let driver = receiver.and_then(|id| Some((id, self.zero_copy_driver(id)?)));
        let mut in_round = 0;
        while let Some(packet) = self.wires[interface].arrive(time_passes) {
            let Some(socket) = receiver.and_then(|id| self.sockets[id].as_mut()) else {
                continue;
            };
            let Some((id, driver)) = driver else {
                socket.deliver(&packet);
                continue;
            };
            if !socket.deliver_zero_copy(&packet) {
                continue;
            }
            in_round += 1;
            if in_round % driver.weight == 0 {
                self.refill(id, driver);
            }
        }
        if let Some((id, driver)) = driver.filter(|_| in_round > 0) {
            self.refill(id, driver);
            if let Some(socket) = self.sockets[id].as_mut() {
                socket.show();
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

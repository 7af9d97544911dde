//! The order in which a socket is set up and undone, by a backend that records each call together
//! with the UMEM's census at that time.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ptr::NonNull;
use std::time::Duration;

use xskit_core::abi::{MmapOffsets, Options, SockaddrXdp, Statistics};
use xskit_core::backend::{Backend, Calls, Interest, Kick, RingKind, SetOption};
use xskit_core::ring::RingSize;
use xskit_core::sim::{HeapMemory, SimBackend, SimNetwork, SimSocket, WireConfig};
use xskit_core::umem::{FrameSize, FrameSlot, Umem};
use xskit_core::{Errno, Socket, SocketConfig};

const FRAMES: u32 = 8;
const LENT: u32 = 4;

/// A call, and how many frames the kernel had then.
type Noted = (&'static str, u32);

/// Records each call, and refuses call number `refused`.
struct Recorder<'a> {
    inner: SimBackend,
    umem: &'a Umem<'a, HeapMemory>,
    calls: RefCell<Vec<Noted>>,
    /// Mappings that were made and not undone.
    mapped: RefCell<Vec<NonNull<u8>>>,
    refused: usize,
}

impl Recorder<'_> {
    fn note(&self, call: &'static str) -> Result<(), Errno> {
        let mut calls = self.calls.borrow_mut();
        calls.push((call, self.umem.census().receive));
        if calls.len() == self.refused {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }
}

// SAFETY: each call is passed on as it is, or refused.
unsafe impl Backend for Recorder<'_> {
    type Socket = SimSocket;

    const IS_SIMULATED: bool = true;

    fn name(&self) -> &'static str {
        "recorder"
    }

    fn open(&self) -> Result<SimSocket, Errno> {
        self.note("open")?;
        self.inner.open()
    }

    fn set_option(&self, socket: &SimSocket, option: SetOption) -> Result<(), Errno> {
        self.note(option.name())?;
        self.inner.set_option(socket, option)
    }

    fn offsets(&self, socket: &SimSocket) -> Result<MmapOffsets, Errno> {
        self.note("offsets")?;
        self.inner.offsets(socket)
    }

    fn statistics(&self, socket: &SimSocket) -> Result<Statistics, Errno> {
        self.inner.statistics(socket)
    }

    fn options(&self, socket: &SimSocket) -> Result<Options, Errno> {
        self.note("options")?;
        self.inner.options(socket)
    }

    fn map(&self, socket: &SimSocket, ring: RingKind, len: usize) -> Result<NonNull<u8>, Errno> {
        self.note("map")?;
        let base = self.inner.map(socket, ring, len)?;
        self.mapped.borrow_mut().push(base);
        Ok(base)
    }

    unsafe fn unmap(&self, base: NonNull<u8>, len_bytes: usize) {
        let _ = self.note("unmap");
        let mut mapped = self.mapped.borrow_mut();
        let known = mapped.iter().position(|other| *other == base);
        mapped.remove(known.expect("mapped, and not unmapped yet"));
        // SAFETY: as the caller promises.
        unsafe { self.inner.unmap(base, len_bytes) }
    }

    fn bind(&self, socket: &SimSocket, address: &SockaddrXdp) -> Result<(), Errno> {
        self.note("bind")?;
        self.inner.bind(socket, address)
    }

    fn bind_shared(
        &self,
        socket: &SimSocket,
        address: &SockaddrXdp,
        with: &SimSocket,
    ) -> Result<(), Errno> {
        self.note("bind_shared")?;
        self.inner.bind_shared(socket, address, with)
    }

    fn close(&self, socket: SimSocket) {
        let _ = self.note("close");
        // Another socket may be open, with all of its rings.
        let others = self.mapped.borrow().len() % 4;
        assert_eq!(others, 0, "closed before unmapped");
        self.inner.close(socket);
    }

    fn kick(&self, socket: &SimSocket, kick: Kick) -> Result<(), Errno> {
        self.inner.kick(socket, kick)
    }

    fn submit(&self) -> Result<(), Errno> {
        self.inner.submit()
    }

    fn wait(&self, _: &[(&SimSocket, Interest)], _: Option<Duration>) -> Result<usize, Errno> {
        Ok(0)
    }

    fn calls(&self) -> Calls {
        self.inner.calls()
    }
}

impl<'a> Recorder<'a> {
    fn new(umem: &'a Umem<'a, HeapMemory>, refused: usize) -> Self {
        Self {
            inner: SimNetwork::new(WireConfig::perfect(), 1).backend(),
            umem,
            calls: RefCell::default(),
            mapped: RefCell::default(),
            refused,
        }
    }
}

fn umem(slots: &mut [FrameSlot]) -> Umem<'_, HeapMemory> {
    let memory = HeapMemory::new(FRAMES as usize * 4096);
    Umem::new(memory, slots, FrameSize::DEFAULT).expect("a UMEM")
}

fn config(ifindex: u32) -> SocketConfig {
    let size = RingSize::new(8).expect("a power of two");
    SocketConfig {
        fill: size,
        completion: size,
        rx: size,
        tx: size,
        fill_frames: Some(LENT),
        ..SocketConfig::new(ifindex, 0)
    }
}

/// Opens a socket and closes it, with the call of a number refused; on a handle that was made
/// before, if one is `given`. What was called, and how many frames are retired and free afterwards.
fn open_and_close(refused: usize, given: bool) -> (Vec<Noted>, (u32, u32)) {
    let mut slots = vec![FrameSlot::new(); FRAMES as usize];
    let umem = umem(&mut slots);
    let backend = Recorder::new(&umem, refused);
    if given {
        let handle = backend.inner.open().expect("a handle");
        drop(Socket::open_from(&backend, &umem, handle, &config(1)));
    } else {
        drop(Socket::open(&backend, &umem, &config(1)));
    }
    let left = (umem.census().retired, umem.free());
    (backend.calls.into_inner(), left)
}

/// Before, a duplicate of its descriptor could be bound over other memory, and the kernel would
/// receive there.
#[test]
fn a_socket_that_shares_frames_lends_them_once_it_is_bound() {
    let mut slots = vec![FrameSlot::new(); FRAMES as usize];
    let umem = umem(&mut slots);
    let backend = Recorder::new(&umem, 0);
    let first = Socket::open(&backend, &umem, &config(1)).expect("a socket");
    let second = first.open_shared(&config(2)).expect("another");
    assert_eq!(second.obtained().filled, LENT);
    assert_eq!(umem.census().receive, 2 * LENT);
    let calls = backend.calls.borrow();
    assert!(calls.contains(&("bind_shared", LENT)), "{calls:?}");
}

/// Whether the backend opens the socket or was given it, and whichever call is refused.
#[test]
fn a_socket_is_set_up_and_undone_in_order() {
    set_up_and_undo(false);
    set_up_and_undo(true);
}

fn set_up_and_undo(given: bool) {
    let setup = [
        "open",
        "XDP_UMEM_REG",
        "XDP_UMEM_FILL_RING",
        "XDP_UMEM_COMPLETION_RING",
        "XDP_RX_RING",
        "XDP_TX_RING",
        "offsets",
        "map",
        "map",
        "map",
        "map",
        "bind",
        "options",
    ];
    let setup = &setup[usize::from(given)..];
    for refused in 0..=setup.len() {
        let (calls, left) = open_and_close(refused, given);
        let names: Vec<_> = calls.iter().map(|(name, _)| *name).collect();
        let made = if refused == 0 { setup.len() } else { refused };
        let bind = setup.len() - 2;
        let (is_bound, is_lent) = (refused == 0 || made > bind + 1, made > bind);
        let mut expected = setup[..made].to_vec();
        if setup[made - 1] == "bind" {
            // Whether the socket is unbound.
            expected.push("XDP_RX_RING");
        }
        let maps = expected.iter().filter(|name| **name == "map").count();
        let failed_map = usize::from(refused != 0 && setup[made - 1] == "map");
        expected.extend(["unmap"].repeat(maps - failed_map));
        if given || made > 1 {
            expected.push("close");
        }
        assert_eq!(names, expected, "call {refused} refused");
        // Frames change owner only once the kernel can no longer use them.
        let lent = calls.last().expect("some call").1;
        assert_eq!(lent, if is_lent { LENT } else { 0 }, "{calls:?}");
        let retired = if is_bound { LENT } else { 0 };
        assert_eq!(left, (retired, FRAMES - retired), "call {refused} refused");
    }
}

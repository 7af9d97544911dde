//! The cases that cannot be written in safe code, or need a feature that xskit lacks: the kernel's
//! own answer, by raw sockets.

use std::collections::VecDeque;
use std::time::Instant;

use xskit_core::abi::Desc;

use super::Outcome;
use super::lab::{Lab, Side, Stream};
use super::raw::{RawSocket, RawUmem};
use crate::RealBackend;
use crate::fixture::PATIENCE;

/// `XDP_PACKET_HEADROOM`.
const HEADROOM: u64 = 256;
/// `MIN_PKT_SIZE` and `XSK_UMEM__INVALID_FRAME_SIZE` of xskxceiver.
const SHORT: u32 = 64;
const TOO_LONG: u32 = 9001;
/// Packets that any device can hold.
const BATCH: usize = 64;

/// A descriptor to send, and whether its packet must arrive.
#[derive(Clone, Copy)]
struct Piece {
    addr: u64,
    len: u32,
    arrives: bool,
}

const fn good(addr: u64) -> Piece {
    Piece {
        addr,
        len: SHORT,
        arrives: true,
    }
}

const fn bad(addr: u64, len: u32) -> Piece {
    Piece {
        addr,
        len,
        arrives: false,
    }
}

/// Two raw sockets, and a stream of packets from one to the other.
struct Wire {
    from: RawSocket,
    to: RawSocket,
    stream: Stream,
}

impl Wire {
    fn new<B: RealBackend>(lab: &Lab<'_, B>, umem: RawUmem) -> Option<Self> {
        let to = RawSocket::open(lab, Side::Second, umem)?;
        lab.register(Side::Second, to.fd());
        Some(Self {
            from: RawSocket::open(lab, Side::First, umem)?,
            to,
            stream: lab.stream(Side::First, 0, SHORT as usize),
        })
    }

    /// Sends all pieces, batch by batch, and checks that exactly the good packets arrive, in order.
    /// `look` sees each received descriptor.
    fn carry(&mut self, pieces: &[Piece], look: impl Fn(&Desc)) {
        pieces
            .chunks(BATCH)
            .for_each(|batch| self.carry_batch(batch, &look));
    }

    fn carry_batch(&mut self, pieces: &[Piece], look: &impl Fn(&Desc)) {
        let mut expected = VecDeque::new();
        for piece in pieces.iter().filter(|piece| piece.arrives) {
            let packet = self.stream.packet(expected.len() as u32);
            self.from.write(piece.addr, &packet);
            expected.push_back(packet);
        }
        self.from.send(pieces.iter().map(|piece| Desc {
            addr: piece.addr,
            len: piece.len,
            options: 0,
        }));
        let deadline = Instant::now() + PATIENCE;
        while !self.from.turn_to_send() || !expected.is_empty() {
            let (sent, left) = (self.from.statistics(), expected.len());
            assert!(Instant::now() < deadline, "{left} are missing: {sent:?}");
            for (desc, packet) in self.to.receive() {
                if self.stream.has(&packet) {
                    look(&desc);
                    assert_eq!(Some(packet), expected.pop_front(), "of {left}");
                }
            }
        }
    }

    /// Carries the pieces, and checks that the kernel counted each bad one.
    fn carry_and_count(&mut self, pieces: &[Piece]) -> Outcome {
        self.carry(pieces, |_| ());
        let bad = pieces.iter().filter(|piece| !piece.arrives).count();
        assert_eq!(self.from.statistics().tx_invalid_descs, bad as u64);
        Outcome::Passes
    }
}

/// Runs `task` over raw sockets with such a UMEM.
fn with<B: RealBackend>(
    lab: &Lab<'_, B>,
    umem: RawUmem,
    task: impl FnOnce(&mut Wire) -> Outcome,
) -> Outcome {
    match Wire::new(lab, umem) {
        Some(mut wire) => task(&mut wire),
        None => Outcome::Unavailable("huge pages (sysctl vm.nr_hugepages=16)"),
    }
}

/// Descriptors beyond the UMEM, or across the end of their chunk, are counted and skipped.
fn invalid<B: RealBackend>(lab: &Lab<'_, B>, chunk: u32, unaligned: bool) -> Outcome {
    let umem = RawUmem {
        chunk,
        unaligned,
        ..RawUmem::default()
    };
    let end = umem.len_bytes();
    let half = u64::from(SHORT / 2);
    let across = |address, arrives| match arrives {
        true => good(umem.address(16) + address - half),
        false => bad(address - half, SHORT),
    };
    let pieces = [
        good(0),
        good(umem.address(1)),
        bad(0u64.wrapping_sub(2), SHORT),
        bad(0, TOO_LONG),
        good(end - u64::from(SHORT)),
        bad(end, SHORT),
        bad(end - half, SHORT),
        across(0x1000, unaligned),
        across(0x800, chunk != 2048),
        good(umem.address(2)),
    ];
    with(lab, umem, |wire| wire.carry_and_count(&pieces))
}

pub(super) fn aligned_invalid<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    invalid(lab, 4096, false)
}

pub(super) fn aligned_invalid_2k<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    invalid(lab, 2048, false)
}

pub(super) fn unaligned_invalid<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    invalid(lab, 4096, true)
}

pub(super) fn unaligned_invalid_4001<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    invalid(lab, 4001, true)
}

/// Every second descriptor is too long: each is counted, and the others arrive.
pub(super) fn tx_invalid<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    let umem = RawUmem::default();
    let piece = |number: u32| match number.is_multiple_of(2) {
        true => good(umem.address(number)),
        false => bad(umem.address(number), TOO_LONG),
    };
    let pieces: Vec<Piece> = (0..512).map(piece).collect();
    with(lab, umem, |wire| wire.carry_and_count(&pieces))
}

/// Packets lie behind the kernel's headroom and ours.
pub(super) fn headroom<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    let umem = RawUmem {
        headroom: 128,
        ..RawUmem::default()
    };
    let pieces: Vec<Piece> = (0..512).map(|number| good(umem.address(number))).collect();
    with(lab, umem, |wire| {
        wire.carry(&pieces, |desc| assert_eq!(desc.addr % 4096, HEADROOM + 128));
        Outcome::Passes
    })
}

/// Half of the packets lie across two chunks: the odd ones, so that none lies across two huge
/// pages, which need not be adjacent.
pub(super) fn send_unaligned<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    let umem = RawUmem {
        unaligned: true,
        ..RawUmem::default()
    };
    let piece = |number: u32| {
        let before = u64::from(number % 2 * SHORT / 2);
        good(umem.address(number) - before)
    };
    let pieces: Vec<Piece> = (0..512).map(piece).collect();
    with(lab, umem, |wire| wire.carry_and_count(&pieces))
}

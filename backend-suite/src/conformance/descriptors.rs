//! The cases that safe code can't be written for, or that need what xskit doesn't have: the kernel's
//! own answer, by raw sockets.

use std::collections::VecDeque;
use std::time::Instant;

use xskit_core::abi::{Desc, desc_options::PKT_CONTD};

use super::Outcome;
use super::lab::{Lab, Platform, Side, Stream};
use super::raw::{RawSocket, RawUmem};
use crate::RealBackend;
use crate::fixture::PATIENCE;

/// `XDP_PACKET_HEADROOM`.
const HEADROOM: u64 = 256;
/// `MIN_PKT_SIZE`, `XSK_UMEM__LARGE_FRAME_SIZE` and `XSK_UMEM__INVALID_FRAME_SIZE` of xskxceiver.
const SHORT: u32 = 64;
const LARGE: u32 = 3072;
const TOO_LONG: u32 = 9001;
const JUMBO: u32 = 9000;
const NO_OPTION: u32 = 0xffff;

const NO_HUGE_PAGES: Outcome = Outcome::Unavailable("huge pages (vm.nr_hugepages=8)");

/// A descriptor to send, and whether it is part of a packet that is to arrive.
#[derive(Clone, Copy)]
struct Piece {
    addr: u64,
    len: u32,
    options: u32,
    arrives: bool,
}

const fn good(addr: u64, len: u32) -> Piece {
    Piece {
        addr,
        len,
        options: 0,
        arrives: true,
    }
}

const fn bad(addr: u64, len: u32) -> Piece {
    Piece {
        arrives: false,
        ..good(addr, len)
    }
}

/// The packet goes on after this.
const fn continued(piece: Piece) -> Piece {
    Piece {
        options: PKT_CONTD,
        ..piece
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

    /// Writes the packets of good pieces, and puts all pieces on the TX ring. Returns those packets.
    fn put(&mut self, pieces: &[Piece]) -> VecDeque<Vec<u8>> {
        let mut packets = VecDeque::new();
        let mut rest = pieces;
        while let Some(first) = rest.first() {
            let more = |piece: &Piece| piece.arrives && piece.options == PKT_CONTD;
            let count = match first.arrives {
                true => rest.iter().take_while(|piece| more(piece)).count() + 1,
                false => 1,
            };
            let (packet, after) = rest.split_at(count);
            rest = after;
            if first.arrives {
                let len = packet.iter().map(|piece| piece.len as usize).sum();
                let bytes = self.stream.packet_of(packets.len() as u32, len);
                let mut from = 0;
                for piece in packet {
                    let end = from + piece.len as usize;
                    self.from.write(piece.addr, &bytes[from..end]);
                    from = end;
                }
                packets.push_back(bytes);
            }
        }
        let descriptor = |piece: &Piece| Desc {
            addr: piece.addr,
            len: piece.len,
            options: piece.options,
        };
        let descriptors: Vec<Desc> = pieces.iter().map(descriptor).collect();
        self.from.send(&descriptors);
        packets
    }

    /// Has the kernel take all pieces, and checks that just the good packets arrive, in order. `look`
    /// sees each received descriptor.
    fn carry(&mut self, pieces: &[Piece], mut look: impl FnMut(&Desc)) {
        let mut expected = self.put(pieces);
        let deadline = Instant::now() + PATIENCE;
        let mut packet = Vec::new();
        let mut all_taken = false;
        while !all_taken || !expected.is_empty() {
            let (sent, left) = (self.from.statistics(), expected.len());
            assert!(Instant::now() < deadline, "{left} are missing: {sent:?}");
            all_taken = self.from.turn_to_send();
            let received = self.to.receive();
            for (desc, bytes) in &received {
                packet.extend_from_slice(bytes);
                let is_whole = desc.options & PKT_CONTD == 0;
                if self.stream.has(&packet) {
                    look(desc);
                    if is_whole {
                        assert_eq!(Some(&packet), expected.front(), "{left} are left");
                        expected.pop_front();
                    }
                }
                if is_whole {
                    packet.clear();
                }
            }
            self.to.give_back(&received);
        }
    }

    /// How many descriptors the kernel refused to send.
    fn refused(&self) -> u64 {
        self.from.statistics().tx_invalid_descs
    }
}

/// Descriptors that lead out of the UMEM, or over the end of their chunk, are counted and skipped.
fn invalid<B: RealBackend>(lab: &Lab<'_, B>, umem: RawUmem) -> Outcome {
    let Some(mut wire) = Wire::new(lab, umem) else {
        return NO_HUGE_PAGES;
    };
    let end = umem.len_bytes();
    let half = u64::from(SHORT / 2);
    let across = |address, is_good| match is_good {
        true => good(umem.address(16) + address - half, SHORT),
        false => bad(address - half, SHORT),
    };
    let pieces = [
        good(0, SHORT),
        good(umem.address(1), SHORT),
        bad(0u64.wrapping_sub(2), SHORT),
        bad(0, TOO_LONG),
        good(end - u64::from(SHORT), SHORT),
        bad(end, SHORT),
        bad(end - half, SHORT),
        across(0x1000, umem.unaligned),
        across(0x800, umem.chunk != 2048),
        good(umem.address(2), SHORT),
    ];
    wire.carry(&pieces, |_| ());
    let bad = pieces.iter().filter(|piece| !piece.arrives).count();
    assert_eq!(wire.refused(), bad as u64);
    Outcome::Passes
}

pub(super) fn aligned_invalid<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    invalid(lab, RawUmem::default())
}

pub(super) fn aligned_invalid_2k<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    let chunk = 2048;
    invalid(
        lab,
        RawUmem {
            chunk,
            ..RawUmem::default()
        },
    )
}

const UNALIGNED: RawUmem = RawUmem {
    chunk: 4096,
    chunks: 1024,
    headroom: 0,
    unaligned: true,
    several: false,
};

pub(super) fn unaligned_invalid<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    invalid(lab, UNALIGNED)
}

pub(super) fn unaligned_invalid_4001<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    let chunk = 4001;
    invalid(lab, RawUmem { chunk, ..UNALIGNED })
}

/// Every second descriptor is too long: each is counted, and the others arrive.
pub(super) fn tx_invalid<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    let umem = RawUmem::default();
    let wire = Wire::new(lab, umem);
    let mut wire = wire.expect("an aligned UMEM needs no huge pages");
    let piece = |number: u32| match number.is_multiple_of(2) {
        true => good(umem.address(number), SHORT),
        false => bad(umem.address(number), TOO_LONG),
    };
    let pieces: Vec<Piece> = (0..umem.chunks / 2).map(piece).collect();
    wire.carry(&pieces, |_| ());
    assert_eq!(wire.refused(), u64::from(umem.chunks / 4));
    Outcome::Passes
}

/// Packets lie behind the kernel's headroom and ours.
pub(super) fn headroom<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    let umem = RawUmem {
        headroom: 128,
        ..RawUmem::default()
    };
    let wire = Wire::new(lab, umem);
    let mut wire = wire.expect("an aligned UMEM needs no huge pages");
    let pieces: Vec<Piece> = (0..512).map(|n| good(umem.address(n), SHORT)).collect();
    wire.carry(&pieces, |desc| {
        assert_eq!(desc.addr % 4096, HEADROOM + 128);
    });
    Outcome::Passes
}

/// Half of the packets lie across two chunks.
pub(super) fn send_unaligned<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    let Some(mut wire) = Wire::new(lab, UNALIGNED) else {
        return NO_HUGE_PAGES;
    };
    let piece = |number: u32| {
        let before = u64::from(number % 2 * SHORT / 2);
        good(UNALIGNED.address(number + 1) - before, SHORT)
    };
    let pieces: Vec<Piece> = (0..512).map(piece).collect();
    wire.carry(&pieces, |_| ());
    Outcome::Passes
}

/// Two sockets on one queue: the program's map decides which of them receives.
pub(super) fn second_socket_takes_over<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    let umem = RawUmem::default();
    let wire = Wire::new(lab, umem);
    let mut wire = wire.expect("an aligned UMEM needs no huge pages");
    let mut second = wire.to.sharing(lab, Side::Second);
    let pieces: Vec<Piece> = (0..256).map(|n| good(umem.address(n), SHORT)).collect();
    wire.carry(&pieces, |_| ());
    lab.register(Side::Second, second.fd());
    let expected = wire.put(&pieces);
    let deadline = Instant::now() + PATIENCE;
    let mut came = VecDeque::new();
    while came.len() < expected.len() {
        assert!(Instant::now() < deadline, "{} came", came.len());
        wire.from.turn_to_send();
        let received = second.receive();
        let of_stream = received.iter().filter(|(_, bytes)| wire.stream.has(bytes));
        came.extend(of_stream.map(|(_, bytes)| bytes.clone()));
        // The fill ring is the first socket's.
        wire.to.give_back(&received);
        assert!(wire.to.receive().is_empty(), "the first has none");
    }
    assert_eq!(came, expected);
    Outcome::Passes
}

/// Runs `task` over hosts whose packets take several chunks, where that can be.
fn several<B: RealBackend>(
    lab: &Lab<'_, B>,
    unaligned: bool,
    task: impl FnOnce(&mut Wire),
) -> Outcome {
    match lab.platform {
        Platform::VethGeneric => {}
        Platform::VethNative => return Outcome::Skipped("xskit's program is not `xdp.frags`"),
        Platform::Igb | Platform::VirtioNet => return Outcome::Skipped("one buffer in zero-copy"),
    }
    let umem = RawUmem {
        unaligned,
        several: true,
        ..RawUmem::default()
    };
    let lab = lab.with_mtu(JUMBO);
    let Some(mut wire) = Wire::new(&lab, umem) else {
        return NO_HUGE_PAGES;
    };
    task(&mut wire);
    Outcome::Passes
}

/// Packets of 9,000 bytes, in as many chunks as they take.
fn jumbo(wire: &mut Wire) {
    let umem = wire.from.umem;
    for round in 0..16u32 {
        let pieces: Vec<Piece> = (0..64)
            .flat_map(|number| {
                let at = |part: u32| umem.address(round * 8 % 512 + number * 3 + part);
                let last = JUMBO - 2 * umem.chunk;
                [
                    continued(good(at(0), umem.chunk)),
                    continued(good(at(1), umem.chunk)),
                    good(at(2), last),
                ]
            })
            .collect();
        wire.carry(&pieces, |_| ());
    }
    assert_eq!(wire.refused(), 0);
}

pub(super) fn jumbo_aligned<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    several(lab, false, jumbo)
}

pub(super) fn jumbo_unaligned<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    several(lab, true, jumbo)
}

/// A packet with one wrong descriptor is dropped whole.
///
/// Each ends by a descriptor that is wrong as well: after a wrong one in the middle, some kernels skip
/// what is left of the packet, and others take it to be the next.
fn invalid_parts(wire: &mut Wire) {
    const WRONG_END: Piece = bad(0, 0);
    let umem = wire.from.umem;
    let half = u64::from(SHORT / 2);
    let large = |options| Piece {
        options,
        ..bad(0, LARGE)
    };
    let across = match umem.unaligned {
        true => [
            continued(good(umem.address(16), LARGE)),
            good(umem.address(18) - half, SHORT),
        ],
        false => [large(PKT_CONTD), bad(0u64.wrapping_sub(half), SHORT)],
    };
    let pieces = [
        good(umem.address(1), SHORT),
        // No length.
        large(PKT_CONTD),
        large(PKT_CONTD),
        WRONG_END,
        // An address behind the UMEM.
        large(PKT_CONTD),
        continued(bad(umem.len_bytes(), LARGE)),
        WRONG_END,
        // A length over the chunk's end.
        large(PKT_CONTD),
        continued(bad(0, TOO_LONG)),
        WRONG_END,
        // An option that there is not.
        large(PKT_CONTD),
        large(NO_OPTION),
        WRONG_END,
        continued(good(umem.address(2), umem.chunk)),
        good(umem.address(3), umem.chunk),
        across[0],
        across[1],
        good(umem.address(4), SHORT),
    ];
    wire.carry(&pieces, |_| ());
    assert!(wire.refused() > 0);
}

pub(super) fn aligned_invalid_parts<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    several(lab, false, invalid_parts)
}

pub(super) fn unaligned_invalid_parts<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    several(lab, true, invalid_parts)
}

/// A packet of as many parts as an skb has fragments, and its head, arrives; one that goes on does not.
pub(super) fn too_many_parts<B: RealBackend>(lab: &Lab<'_, B>) -> Outcome {
    let most = std::fs::read_to_string("/proc/sys/net/core/max_skb_frags");
    let most = most.ok().and_then(|text| text.trim().parse().ok());
    let most: u32 = most.unwrap_or(17) + 1;
    several(lab, false, |wire| {
        let umem = wire.from.umem;
        let mut pieces = vec![good(umem.address(0), SHORT)];
        pieces.extend((1..most).map(|part| continued(good(umem.address(part), SHORT))));
        pieces.push(good(umem.address(most), SHORT));
        pieces.extend((0..most).map(|_| continued(bad(umem.address(100), SHORT))));
        pieces.push(bad(0, 0));
        pieces.push(good(umem.address(101), SHORT));
        wire.carry(&pieces, |_| ());
    })
}

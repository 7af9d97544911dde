//! `Coalesced`: the packets of one datagram, by type, before any of them is decrypted
//! (RFC 9000, section 12.2).
//!
//! Later packets count only if they have the same destination id as the first. RFC 9000 requires
//! that, and quiche doesn't check: an attacker could put recorded 0-RTT packets for another id
//! behind its own Initial packet, and they would reach a connection that they were not written for.

use crate::header::{Header, is_initial};

const INITIAL: u8 = 0x00;
const ZERO_RTT: u8 = 0x10;
const RETRY: u8 = 0x30;
const TYPE_MASK: u8 = 0x30;

/// The packets of a datagram, as far as its length fields are valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Coalesced {
    /// Initial packets, authentic or not.
    pub(super) initials: usize,
    /// 0-RTT packets, authentic or not.
    pub(super) zero_rtts: usize,
    /// Bytes of the packets for the first packet's id.
    pub(super) own_bytes: usize,
    /// Every packet was counted. False if one is cut off or not of version 1.
    pub(super) is_whole: bool,
}

impl Coalesced {
    /// Walks over the packets. Returns at once if the first has a short header, as in nearly all
    /// datagrams.
    pub(super) fn read(datagram: &[u8]) -> Self {
        let mut seen = Self {
            own_bytes: datagram.len(),
            ..Self::default()
        };
        let dcid = Header::parse_long(datagram).map(|header| header.dcid());
        let mut rest = datagram;
        loop {
            match rest.first() {
                // A packet with a short header extends to the end, and so does padding.
                None | Some(0..0x80) => {
                    seen.is_whole = true;
                    return seen;
                }
                Some(first) => {
                    if Header::parse_long(rest).map(|header| header.dcid()) != dcid {
                        seen.own_bytes = datagram.len() - rest.len();
                        return seen;
                    }
                    seen.initials += usize::from(first & TYPE_MASK == INITIAL);
                    seen.zero_rtts += usize::from(first & TYPE_MASK == ZERO_RTT);
                    match after_long(rest) {
                        Some(next) => rest = next,
                        None => return seen,
                    }
                }
            }
        }
    }

    /// Whether the datagram holds an Initial packet, so that it must have at least 1,200 bytes.
    pub(super) fn has_initial(datagram: &[u8]) -> bool {
        datagram.first().is_some_and(|first| is_initial(*first))
            || Self::read(datagram).initials > 0
    }
}

/// What follows a packet with a long header.
fn after_long(packet: &[u8]) -> Option<&[u8]> {
    let Header::Long {
        first,
        version: quiche::PROTOCOL_VERSION,
        dcid,
        scid,
    } = Header::parse_long(packet)?
    else {
        return None;
    };
    // First byte, version, and each id after its length.
    let mut rest = packet.get(1 + 4 + 1 + dcid.len() + 1 + scid.len()..)?;
    match first & TYPE_MASK {
        RETRY => return None,
        INITIAL => {
            let (token_len, after) = varint(rest)?;
            rest = after.get(token_len..)?;
        }
        _ => {}
    }
    let (len, after) = varint(rest)?;
    after.get(len..)
}

/// A variable-length integer (RFC 9000, section 16), and what follows it.
fn varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let first = *bytes.first()?;
    let (field, rest) = bytes.split_at_checked(1 << (first >> 6))?;
    let value = field[1..]
        .iter()
        .fold(u64::from(first & 0x3f), |value, byte| {
            value << 8 | u64::from(*byte)
        });
    Some((usize::try_from(value).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet with a long header and a payload of 5 bytes; an Initial has a token of one byte.
    fn long(kind: u8) -> Vec<u8> {
        let mut packet = vec![0xc0 | kind, 0, 0, 0, 1, 1, 7, 2, 8, 9];
        if kind == INITIAL {
            packet.extend([1, 0xff]);
        }
        packet.extend([0x40, 5, 1, 2, 3, 4, 5]);
        packet
    }

    #[test]
    fn initials_are_counted_wherever_they_stand() {
        let (initial, handshake) = (long(INITIAL), long(0x20));
        let short = [0x41; 30];
        let padding = [0; 30];
        for (parts, initials) in [
            (vec![&initial[..]], 1),
            (vec![&handshake, &initial], 1),
            (vec![&initial, &handshake, &initial, &padding], 2),
            (vec![&handshake, &short, &initial], 0),
            (vec![&short, &initial], 0),
            (vec![], 0),
        ] {
            let datagram = parts.concat();
            let seen = Coalesced::read(&datagram);
            let expected = Coalesced {
                initials,
                zero_rtts: 0,
                own_bytes: datagram.len(),
                is_whole: true,
            };
            assert_eq!(seen, expected, "{parts:x?}");
            assert_eq!(Coalesced::has_initial(&datagram), initials > 0);
        }
    }

    #[test]
    fn only_what_is_for_the_first_ones_id_counts() {
        let (initial, early) = (long(INITIAL), long(ZERO_RTT));
        let seen = Coalesced::read(&[&initial[..], &early, &early].concat());
        assert_eq!((seen.zero_rtts, seen.initials, seen.is_whole), (2, 1, true));
        let mut foreign = early.clone();
        foreign[6] ^= 1;
        // With its id cut off, and whole.
        for len in [7, foreign.len()] {
            let datagram = [&initial[..], &early, &foreign[..len], &early].concat();
            let seen = Coalesced::read(&datagram);
            assert_eq!(seen.own_bytes, initial.len() + early.len());
            assert_eq!((seen.zero_rtts, seen.is_whole), (1, false));
        }
        let cut = [&initial[..], &early[..6]].concat();
        assert_eq!(Coalesced::read(&cut).own_bytes, initial.len());
    }

    #[test]
    fn what_is_cut_off_is_not_whole() {
        let datagram = [long(0x20), long(INITIAL)].concat();
        for len in 1..datagram.len() {
            let seen = Coalesced::read(&datagram[..len]);
            let at_boundary = len == long(0x20).len();
            assert_eq!(seen.is_whole, at_boundary, "{len}");
        }
        let mut other_version = datagram;
        other_version[4] = 2;
        assert!(!Coalesced::read(&other_version).is_whole);
    }
}

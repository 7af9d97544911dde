//! The fields of QUIC packets that are visible without keys (RFC 8999; RFC 9000, section 17).

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    VersionNegotiation,
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
    /// Under the keys of the finished handshake.
    Short,
}

/// One packet of a datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) kind: Kind,
    /// The sender's id; none in a short header.
    pub(crate) source: &'a [u8],
    /// From the first byte to the end of the datagram.
    pub(crate) bytes: &'a [u8],
}

/// The packets of a datagram, as far as they can be separated.
pub(crate) fn packets(mut datagram: &[u8]) -> Vec<Packet<'_>> {
    let mut packets = Vec::new();
    while let Some((packet, rest)) = next(datagram) {
        packets.push(packet);
        datagram = rest;
    }
    packets
}

fn next(bytes: &[u8]) -> Option<(Packet<'_>, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let packet = |kind, source| Packet {
        kind,
        source,
        bytes,
    };
    if first & 0x80 == 0 {
        return Some((packet(Kind::Short, &[]), &[]));
    }
    let (version, rest) = rest.split_first_chunk::<4>()?;
    let (_, rest) = prefixed(rest)?;
    let (source, rest) = prefixed(rest)?;
    let kind = match (u32::from_be_bytes(*version), first >> 4 & 3) {
        (0, _) => return Some((packet(Kind::VersionNegotiation, source), &[])),
        (_, 0) => Kind::Initial,
        (_, 1) => Kind::ZeroRtt,
        (_, 2) => Kind::Handshake,
        _ => return Some((packet(Kind::Retry, source), &[])),
    };
    let mut rest = rest;
    if kind == Kind::Initial {
        let (token, after) = varint(rest)?;
        rest = after.get(token..)?;
    }
    let (len, rest) = varint(rest)?;
    Some((packet(kind, source), rest.get(len..)?))
}

/// Bytes prefixed by a byte with their number.
fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = bytes.split_first()?;
    rest.split_at_checked(len.into())
}

/// A variable-length integer (RFC 9000, section 16).
fn varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let len = 1 << (bytes.first()? >> 6);
    let (number, rest) = bytes.split_at_checked(len)?;
    let number = number.iter().enumerate().fold(0_usize, |all, (at, &byte)| {
        all << 8 | usize::from(if at == 0 { byte & 0x3f } else { byte })
    });
    Some((number, rest))
}

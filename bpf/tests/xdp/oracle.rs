//! The table at the top of `xskit.bpf.c` once more, in another language and another style: what the program should see.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A whole UDP datagram to this port and address (4 or 16 bytes).
    Udp(u16, Vec<u8>),
    Other,
}

/// `None` is a malformed frame.
pub(crate) fn read(frame: &[u8]) -> Option<Seen> {
    let (_, mut rest) = frame.split_at_checked(12)?;
    let mut ethertype = u16_at(rest, 0)?;
    rest = &rest[2..];
    for _ in 0..2 {
        if ethertype == 0x8100 || ethertype == 0x88a8 {
            ethertype = u16_at(rest, 2)?;
            rest = &rest[4..];
        }
    }
    match ethertype {
        0x0800 => read_ipv4(rest),
        0x86dd => read_ipv6(rest),
        _ => Some(Seen::Other),
    }
}

fn read_ipv4(packet: &[u8]) -> Option<Seen> {
    let fixed = packet.get(..20)?;
    let header_len = usize::from(fixed[0] % 16) * 4;
    let total_len = usize::from(u16_at(fixed, 2)?);
    if fixed[0] / 16 != 4 || header_len < 20 {
        return None;
    }
    let payload = packet.get(..total_len)?.get(header_len..)?;
    let fragment = u16_at(fixed, 6)?;
    let unfragmented = fragment & 0x1fff == 0 && fragment & 0x2000 == 0;
    if unfragmented && fixed[9] == 17 {
        read_udp(payload, &fixed[16..20])
    } else {
        Some(Seen::Other)
    }
}

fn read_ipv6(packet: &[u8]) -> Option<Seen> {
    let (fixed, rest) = packet.split_at_checked(40)?;
    if fixed[0] / 16 != 6 {
        return None;
    }
    let payload = rest.get(..usize::from(u16_at(fixed, 4)?))?;
    if fixed[6] == 17 {
        read_udp(payload, &fixed[24..40])
    } else {
        Some(Seen::Other)
    }
}

fn read_udp(payload: &[u8], address: &[u8]) -> Option<Seen> {
    let header = payload.get(..8)?;
    let len = usize::from(u16_at(header, 4)?);
    let _data = payload.get(8..len)?;
    Some(Seen::Udp(u16_at(header, 2)?, address.to_vec()))
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    let field = bytes.get(offset..)?.first_chunk()?;
    Some(u16::from_be_bytes(*field))
}

//! The offsets of a frame's headers, and their correct checksums. Written again from the RFCs, in
//! another style than the parser under attack, so that the two can be compared.

/// Offset of the EtherType, or of the first VLAN tag.
const ETHER_TYPE: usize = 12;

/// The UDP header's length.
pub const UDP_LEN: usize = 8;

/// A frame's layers, as far as their fixed headers are present. The headers' lengths are not
/// checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layers {
    /// 4 or 6.
    pub version: u8,
    /// Offset of the IP header.
    pub ip: usize,
    /// Offset of the bytes after the IP header and its options.
    pub udp: usize,
    /// Offset of the end of the packet, by the IP header. The frame may end before it.
    pub end: usize,
}

impl Layers {
    /// `None` if the frame ends before an IP header does, or carries something else.
    pub fn of(frame: &[u8]) -> Option<Self> {
        let mut at = ETHER_TYPE;
        let mut tags = 0;
        while matches!(u16_at(frame, at)?, 0x8100 | 0x88a8) && tags < 2 {
            at += 4;
            tags += 1;
        }
        let ip = at + 2;
        match u16_at(frame, at)? {
            0x0800 => {
                let fixed = frame.get(ip..ip + 20)?;
                let udp = ip + usize::from(fixed[0] & 0x0f) * 4;
                let end = ip + usize::from(u16_at(fixed, 2)?);
                let version = 4;
                Some(Self {
                    version,
                    ip,
                    udp,
                    end,
                })
            }
            0x86dd => {
                let fixed = frame.get(ip..ip + 40)?;
                let udp = ip + 40;
                let end = udp + usize::from(u16_at(fixed, 4)?);
                let version = 6;
                Some(Self {
                    version,
                    ip,
                    udp,
                    end,
                })
            }
            _ => None,
        }
    }

    /// The frame's correct UDP checksum; `None` if the datagram is not whole. Never zero.
    pub fn udp_checksum(&self, frame: &[u8]) -> Option<u16> {
        let addresses = match self.version {
            4 => self.ip + 12..self.ip + 20,
            _ => self.ip + 8..self.ip + 40,
        };
        let len = u16_at(frame, self.udp + 4)?;
        let datagram = frame.get(self.udp..self.udp + usize::from(len))?;
        let (before, after) = datagram.split_at_checked(6)?;
        let pseudo_header = [&[0, 17][..], &len.to_be_bytes()];
        let parts = [
            frame.get(addresses)?,
            pseudo_header[0],
            pseudo_header[1],
            before,
            after.get(2..)?,
        ];
        match checksum(parts.into_iter().flatten()) {
            0 => Some(0xffff),
            sum => Some(sum),
        }
    }

    /// The correct checksum of the IPv4 header; `None` without a whole one.
    pub fn ipv4_checksum(&self, frame: &[u8]) -> Option<u16> {
        let header = frame.get(self.ip..self.udp).filter(|_| self.version == 4)?;
        let (before, after) = header.split_at_checked(10)?;
        Some(checksum(before.iter().chain(after.get(2..)?)))
    }

    /// Writes the correct IPv4 checksum, if there is one: a random one would stop almost every
    /// frame.
    pub fn set_ipv4_checksum(&self, frame: &mut [u8]) {
        if let Some(sum) = self.ipv4_checksum(frame) {
            put_u16(frame, self.ip + 10, sum);
        }
    }

    /// Writes the correct UDP checksum, if the datagram is whole.
    pub fn set_udp_checksum(&self, frame: &mut [u8]) {
        if let Some(sum) = self.udp_checksum(frame) {
            put_u16(frame, self.udp + 6, sum);
        }
    }
}

/// The 16-bit number at an offset.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*field))
}

/// Writes a 16-bit number, if there is room.
pub fn put_u16(bytes: &mut [u8], at: usize, number: u16) {
    if let Some(field) = bytes.get_mut(at..at + 2) {
        field.copy_from_slice(&number.to_be_bytes());
    }
}

/// The Internet checksum, an odd last byte padded with zero: word by word, carry by carry (RFC
/// 1071).
fn checksum<'a>(bytes: impl Iterator<Item = &'a u8>) -> u16 {
    let mut sum = 0u32;
    for (at, byte) in bytes.enumerate() {
        sum += u32::from(*byte) << if at % 2 == 0 { 8 } else { 0 };
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !((sum & 0xffff) + (sum >> 16)) as u16
}

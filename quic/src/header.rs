//! `Header`: the version-independent part of a datagram's first packet (RFC 8999).
//!
//! Every datagram is assigned to a connection by it, so parsing must not allocate. quiche parses
//! the rest.

/// The version-independent part of a packet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header<'a> {
    /// A packet sent after the handshake, to a connection id that we chose.
    Short {
        /// Destination connection id.
        dcid: &'a [u8],
    },
    /// A handshake packet, or one of an unknown version.
    Long {
        /// First byte; its meaning depends on the version.
        first: u8,
        /// QUIC version; 0 is version negotiation.
        version: u32,
        /// Destination connection id.
        dcid: &'a [u8],
        /// Source connection id.
        scid: &'a [u8],
    },
}

const LONG_FORM: u8 = 0x80;
const FIXED_BIT: u8 = 0x40;
const TYPE_MASK: u8 = 0x30;
const TYPE_INITIAL: u8 = 0x00;
const TYPE_ZERO_RTT: u8 = 0x10;

impl<'a> Header<'a> {
    /// `None` if the datagram is not QUIC. A short header doesn't carry its id's length: all of
    /// ours have `local_cid_bytes`.
    pub(crate) fn parse(datagram: &'a [u8], local_cid_bytes: usize) -> Option<Self> {
        let (&first, rest) = datagram.split_first()?;
        if first & LONG_FORM == 0 {
            // Every version-1 packet has this bit set.
            if first & FIXED_BIT == 0 {
                return None;
            }
            let dcid = rest.get(..local_cid_bytes)?;
            return Some(Self::Short { dcid });
        }
        Self::parse_long(datagram)
    }

    /// The same for a packet that has a long header.
    pub(crate) fn parse_long(datagram: &'a [u8]) -> Option<Self> {
        let (&first, rest) = datagram.split_first()?;
        let (version, rest) = rest.split_first_chunk()?;
        let (dcid, rest) = counted(rest)?;
        let (scid, _) = counted(rest)?;
        Some(Self::Long {
            first,
            version: u32::from_be_bytes(*version),
            dcid,
            scid,
        })
    }

    /// Destination connection id.
    pub(crate) fn dcid(&self) -> &'a [u8] {
        match self {
            Self::Short { dcid } | Self::Long { dcid, .. } => dcid,
        }
    }
}

/// Whether a long header's first byte is that of a version-1 Initial packet.
pub(crate) fn is_initial(first: u8) -> bool {
    first & (LONG_FORM | FIXED_BIT | TYPE_MASK) == LONG_FORM | FIXED_BIT | TYPE_INITIAL
}

/// Whether a long header's first byte is that of an Initial or 0-RTT packet, whose destination id
/// may be the client's choice.
pub(crate) fn is_by_a_clients_id(first: u8) -> bool {
    is_initial(first) || is_initial(first ^ TYPE_ZERO_RTT)
}

fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let mut short = vec![0x41];
        short.extend(1..=20);
        for len in [8, 16] {
            let dcid = Header::parse(&short, len).unwrap().dcid();
            assert_eq!(dcid, &short[1..=len]);
        }

        let long = [0xc3, 0, 0, 0, 1, 2, 7, 8, 1, 9, 0xff];
        let header = Header::parse(&long, 8).unwrap();
        let Header::Long {
            first,
            version,
            dcid,
            scid,
        } = header
        else {
            panic!("{header:?}");
        };
        assert_eq!((version, dcid, scid), (1, &[7, 8][..], &[9][..]));
        assert!(is_initial(first));
        assert!(!is_initial(0xe3) && !is_initial(0x83) && !is_initial(0x43));
    }

    #[test]
    fn every_cut_is_survived() {
        let long = [0xc3, 0, 0, 0, 1, 2, 7, 8, 1, 9];
        for len in 0..long.len() {
            assert_eq!(Header::parse(&long[..len], 8), None, "{len}");
        }
        let short = [0x40; 1 + 16];
        for len in 0..short.len() {
            assert_eq!(Header::parse(&short[..len], 16), None, "{len}");
        }
        assert_eq!(Header::parse(&[0x00; 40], 8), None, "no fixed bit");
    }
}

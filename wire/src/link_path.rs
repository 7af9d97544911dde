//! The path of a frame over its link: two MAC addresses and the VLAN tags between them and the
//! type.

use crate::ethernet::{ADDRESSES_LEN, Addresses, TYPE_LEN};
use crate::{EtherType, MacAddr, Refusal, Tpid, VlanTag, VlanTags};

/// All of the link header but the type of what follows.
///
/// ```
/// use xskit_wire::{LinkPath, MacAddr, Tpid, VlanTag};
///
/// let (near, far) = (MacAddr::new([2, 0, 0, 0, 0, 1]), MacAddr::new([2, 0, 0, 0, 0, 2]));
/// let mut link = LinkPath::new(near, far);
/// link.tags.push(VlanTag { tpid: Tpid::Customer, tci: 7 })?;
/// assert_eq!((link.reply().source, link.header_len()), (far, 18));
/// # Ok::<(), xskit_wire::Refusal>(())
/// ```
#[doc(alias = "ethhdr")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkPath {
    /// The sender's address.
    pub source: MacAddr,
    /// The receiver's address.
    pub destination: MacAddr,
    /// Up to two VLAN tags.
    pub tags: VlanTags,
}

impl LinkPath {
    /// An untagged path.
    #[must_use]
    pub const fn new(source: MacAddr, destination: MacAddr) -> Self {
        Self {
            source,
            destination,
            tags: VlanTags::NONE,
        }
    }

    /// The reverse path: addresses exchanged, the same tags.
    ///
    /// If the frame was for a group address ([`MacAddr::is_group`]), replace the reply's `source`
    /// with the interface's own address.
    #[must_use]
    pub const fn reply(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            tags: self.tags,
        }
    }

    /// Bytes of the link header, the type included: 14, 18 or 22.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        ADDRESSES_LEN + self.tags.len_bytes() + TYPE_LEN
    }

    /// The path, the type of what follows, and what follows.
    pub(crate) fn parse(frame: &[u8]) -> Result<(Self, EtherType, &[u8]), Refusal> {
        let (addresses, mut rest) = frame
            .split_first_chunk()
            .ok_or(Refusal::TruncatedEthernet)?;
        let Addresses {
            destination,
            source,
        } = Addresses::read(addresses);
        let mut link = Self::new(source, destination);
        loop {
            let truncated = match link.tags {
                VlanTags::NONE => Refusal::TruncatedEthernet,
                _ => Refusal::TruncatedVlan,
            };
            let (ether_type, after) = split_u16(rest).ok_or(truncated)?;
            let ether_type = EtherType(ether_type);
            let Some(tpid) = Tpid::from_ether_type(ether_type) else {
                return Ok((link, ether_type, after));
            };
            let (tci, after) = split_u16(after).ok_or(Refusal::TruncatedVlan)?;
            link.tags.push(VlanTag { tpid, tci })?;
            rest = after;
        }
    }

    /// Writes the header at the start of `frame` and returns the rest, or `None` if it does not
    /// fit.
    pub(crate) fn emit<'a>(
        &self,
        frame: &'a mut [u8],
        ether_type: EtherType,
    ) -> Option<&'a mut [u8]> {
        let (addresses, mut rest) = frame.split_first_chunk_mut()?;
        Addresses {
            destination: self.destination,
            source: self.source,
        }
        .write(addresses);
        for tag in self.tags.iter() {
            let (bytes, after) = rest.split_first_chunk_mut()?;
            tag.write(bytes);
            rest = after;
        }
        let (bytes, packet) = rest.split_first_chunk_mut()?;
        *bytes = ether_type.0.to_be_bytes();
        Some(packet)
    }
}

/// The first two bytes as a number, and the rest.
fn split_u16(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*number), rest))
}

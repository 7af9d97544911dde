//! VLAN tags: four bytes each between the Ethernet addresses and the type (IEEE 802.1Q).

use core::fmt;

use crate::{EtherType, Refusal};

/// Bytes of one tag.
pub(crate) const TAG_LEN: usize = 4;

mod field {
    use crate::field::Field;

    pub(super) const TPID: Field<0, 2> = Field;
    pub(super) const TCI: Field<2, 2> = Field;
}

/// A tag's protocol identifier: the value where an untagged frame has its [`EtherType`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Tpid {
    /// 0x8100, a customer's tag (802.1Q).
    Customer = 0x8100,
    /// 0x88a8, a provider's tag (802.1ad, "QinQ").
    Service = 0x88a8,
}

impl Tpid {
    /// `None` if this type announces no tag.
    pub(crate) const fn from_ether_type(ether_type: EtherType) -> Option<Self> {
        match ether_type.0 {
            0x8100 => Some(Self::Customer),
            0x88a8 => Some(Self::Service),
            _ => None,
        }
    }
}

/// One tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VlanTag {
    /// The protocol identifier.
    pub tpid: Tpid,
    /// Tag control information: 3 bits of priority, 1 bit drop-eligible, 12 bits of VLAN id.
    pub tci: u16,
}

impl VlanTag {
    /// The VLAN id, 0 to 4095; 0 means "priority only, no VLAN".
    #[must_use]
    pub const fn vid(self) -> u16 {
        self.tci & 0x0fff
    }

    pub(crate) fn write(self, bytes: &mut [u8; TAG_LEN]) {
        field::TPID.write_u16(bytes, self.tpid as u16);
        field::TCI.write_u16(bytes, self.tci);
    }
}

impl fmt::Display for VlanTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.tpid {
            Tpid::Customer => "802.1Q",
            Tpid::Service => "802.1ad",
        };
        write!(f, "{protocol} VLAN {}", self.vid())
    }
}

/// At most two tags, the outer one first.
///
/// ```
/// use xskit_wire::{Tpid, VlanTag, VlanTags};
///
/// let mut tags = VlanTags::NONE;
/// tags.push(VlanTag { tpid: Tpid::Service, tci: 100 })?; // the outer one
/// tags.push(VlanTag { tpid: Tpid::Customer, tci: 7 })?;
/// assert_eq!(tags.iter().map(VlanTag::vid).collect::<Vec<_>>(), [100, 7]);
/// # Ok::<(), xskit_wire::Refusal>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VlanTags {
    outer: Option<VlanTag>,
    /// `None` if `outer` is.
    inner: Option<VlanTag>,
}

impl VlanTags {
    /// The tags of an untagged frame.
    pub const NONE: Self = Self {
        outer: None,
        inner: None,
    };

    /// Adds a tag as the innermost.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooManyTags`] if there are two already.
    pub fn push(&mut self, tag: VlanTag) -> Result<(), Refusal> {
        let place = match self {
            Self {
                outer: place @ None,
                ..
            }
            | Self {
                inner: place @ None,
                ..
            } => place,
            _ => return Err(Refusal::TooManyTags),
        };
        *place = Some(tag);
        Ok(())
    }

    /// The tags, the outer one first.
    pub fn iter(&self) -> impl Iterator<Item = VlanTag> + use<> {
        self.outer.into_iter().chain(self.inner)
    }

    /// Bytes the tags take in a frame: 0, 4 or 8.
    #[must_use]
    pub const fn len_bytes(&self) -> usize {
        match (self.outer, self.inner) {
            (None, _) => 0,
            (Some(_), None) => TAG_LEN,
            (Some(_), Some(_)) => 2 * TAG_LEN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{string::ToString, vec::Vec};

    fn tag(tpid: Tpid, tci: u16) -> VlanTag {
        VlanTag { tpid, tci }
    }

    #[test]
    fn two_tags_and_no_more() {
        let (outer, inner) = (tag(Tpid::Service, 0x2064), tag(Tpid::Customer, 0xffff));
        let contents = |tags: &VlanTags| (tags.len_bytes(), tags.iter().collect::<Vec<_>>());
        let mut tags = VlanTags::NONE;
        assert_eq!(contents(&tags), (0, Vec::new()));
        assert_eq!(tags.push(outer), Ok(()));
        assert_eq!(contents(&tags), (4, Vec::from([outer])));
        assert_eq!(tags.push(inner), Ok(()));
        assert_eq!(contents(&tags), (8, Vec::from([outer, inner])));
        let before = tags;
        assert_eq!(tags.push(inner), Err(Refusal::TooManyTags));
        assert_eq!(tags, before);
    }

    #[test]
    fn text_names_the_vlan() {
        let text = |tpid, tci| tag(tpid, tci).to_string();
        assert_eq!(text(Tpid::Service, 0x2064), "802.1ad VLAN 100");
        assert_eq!(text(Tpid::Customer, 0xffff), "802.1Q VLAN 4095");
    }
}

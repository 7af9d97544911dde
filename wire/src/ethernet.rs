//! The Ethernet header: 14 bytes, two addresses and the type of what follows (IEEE 802.3, RFC 894).

use crate::{MacAddr, Refusal};

/// Bytes of the two addresses. VLAN tags are between them and the type.
pub(crate) const ADDRESSES_LEN: usize = 12;
/// Bytes of the type.
pub(crate) const TYPE_LEN: usize = 2;

mod field {
    use crate::field::Field;

    pub(super) const DESTINATION: Field<0, 6> = Field;
    pub(super) const SOURCE: Field<6, 6> = Field;
}

/// The header's first 12 bytes. Destination comes first on the wire.
#[derive(Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) destination: MacAddr,
    pub(crate) source: MacAddr,
}

impl Addresses {
    pub(crate) fn read(bytes: &[u8; ADDRESSES_LEN]) -> Self {
        Self {
            destination: MacAddr::new(field::DESTINATION.read(bytes)),
            source: MacAddr::new(field::SOURCE.read(bytes)),
        }
    }

    pub(crate) fn write(self, bytes: &mut [u8; ADDRESSES_LEN]) {
        field::DESTINATION.write(bytes, self.destination.octets());
        field::SOURCE.write(bytes, self.source.octets());
    }
}

/// Exchanges a frame's source and destination addresses in place, to send it back.
///
/// ```
/// let mut frame = *b"DDDDDDSSSSSS\x08\x00packet";
/// xskit_wire::swap_addresses(&mut frame)?;
/// assert_eq!(&frame, b"SSSSSSDDDDDD\x08\x00packet");
/// # Ok::<(), xskit_wire::Refusal>(())
/// ```
///
/// # Errors
///
/// [`Refusal::TruncatedEthernet`] if the frame is too short for an Ethernet header. The frame is
/// then unchanged.
#[inline]
pub fn swap_addresses(frame: &mut [u8]) -> Result<(), Refusal> {
    let (bytes, rest) = frame
        .split_first_chunk_mut()
        .ok_or(Refusal::TruncatedEthernet)?;
    if rest.len() < TYPE_LEN {
        return Err(Refusal::TruncatedEthernet);
    }
    let Addresses {
        destination,
        source,
    } = Addresses::read(bytes);
    Addresses {
        destination: source,
        source: destination,
    }
    .write(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_exchanges_only_the_addresses() {
        let mut frame = *b"targetsourcetype";
        assert_eq!(swap_addresses(&mut frame), Ok(()));
        assert_eq!(&frame, b"sourcetargettype");
    }

    #[test]
    fn swap_leaves_a_short_frame_alone() {
        let whole: [u8; 13] = core::array::from_fn(|at| at as u8);
        for len in 0..=whole.len() {
            let mut frame = whole;
            let swapped = swap_addresses(&mut frame[..len]);
            assert_eq!(swapped, Err(Refusal::TruncatedEthernet), "{len}");
            assert_eq!(frame, whole);
        }
    }
}

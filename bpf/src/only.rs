//! Which frames the program takes at all, whatever they carry: `struct only` of `xskit.bpf.c`.

/// To which frames the program is limited; by default to none, so that all are taken that a rule is
/// for.
///
/// The kernel's own stack takes a frame only if it is to the interface's MAC address, and of a VLAN
/// only if it has a device for it. A program that sits before it has to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Only {
    /// Only frames to this MAC address.
    pub mac: Option<[u8; 6]>,
    /// Only frames without a VLAN tag, or with one tag of these VLANs. A tag of VLAN 0 is none: it
    /// only says a priority. Identifiers above 4095 are never met.
    pub vlans: Option<Vec<u16>>,
}

/// Identifiers of a VLAN.
const VLANS: usize = 4096;
/// Bytes of `struct only`.
const LEN: usize = 8 + VLANS / 8;

impl Only {
    /// The bytes of the element.
    pub(crate) fn to_bytes(&self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        let mac = self.mac.unwrap_or_default();
        let flags = [self.mac.is_some().into(), self.vlans.is_some().into()];
        for (byte, value) in bytes.iter_mut().zip(mac.into_iter().chain(flags)) {
            *byte = value;
        }
        let mut words = [0u64; VLANS / 64];
        for vlan in self.vlans.iter().flatten() {
            if let Some(word) = words.get_mut(usize::from(vlan / 64)) {
                *word |= 1 << (vlan % 64);
            }
        }
        let words = words.into_iter().flat_map(u64::to_ne_bytes);
        for (byte, value) in bytes.iter_mut().skip(8).zip(words) {
            *byte = value;
        }
        bytes
    }
}

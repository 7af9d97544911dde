//! Which frames the program takes at all, whatever they carry: `struct only` of `xskit.bpf.c`.

use std::sync::{Mutex, PoisonError};

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use crate::Error;

/// The frames that the program is limited to, whether it takes by rules or takes all
/// ([`XdpProgram::take_all`](crate::XdpProgram::take_all)). By default there is no limit.
///
/// The kernel's stack takes a frame only if it is addressed to the interface's MAC address, and a
/// tagged one only if its VLAN has a device. The program runs before these checks, and makes them
/// only if told.
///
/// ```
/// use xskit_bpf::Only;
///
/// let untagged = Only { vlans: Some(Vec::new()), ..Only::default() };
/// let to_us_in_vlan_7 = Only { mac: Some([2, 0, 0, 0, 0, 1]), vlans: Some(vec![7]) };
/// # let _ = (untagged, to_us_in_vlan_7);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Only {
    /// Only frames to this MAC address.
    pub mac: Option<[u8; 6]>,
    /// Only frames without a VLAN tag, and frames with exactly one tag, of one of these VLANs. A
    /// tag of VLAN 0 counts as none: it only carries a priority. Identifiers above 4095 match
    /// nothing.
    pub vlans: Option<Vec<u16>>,
}

// Flags of `struct only`.
const TAKE_ALL: u16 = 1;
const HAS_MAC: u16 = 2;
const HAS_VLANS: u16 = 4;

/// Number of VLAN identifiers.
const VLANS: usize = 4096;
/// Size of `struct only` in bytes.
const LEN: usize = 8 + VLANS / 8;

impl Only {
    /// The map element.
    pub(crate) fn to_bytes(&self, take_all: bool) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        let flags = [
            (take_all, TAKE_ALL),
            (self.mac.is_some(), HAS_MAC),
            (self.vlans.is_some(), HAS_VLANS),
        ];
        let flags = flags.into_iter().filter(|(is_set, _)| *is_set);
        let flags = flags.fold(0, |flags, (_, flag)| flags | flag);
        let mac = self.mac.unwrap_or_default();
        let head = flags.to_ne_bytes().into_iter().chain(mac);
        for (byte, value) in bytes.iter_mut().zip(head) {
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

/// The map element of a loaded program: its limit, and whether it takes all frames within it.
#[derive(Debug)]
pub(crate) struct Frames {
    map: MapHandle,
    /// The present element. It is written as a whole, so under a lock.
    said: Mutex<(Only, bool)>,
}

impl Frames {
    /// The element of a program just loaded is zero: no limit, and taking by rules.
    pub(crate) fn new(map: MapHandle) -> Self {
        let said = Mutex::default();
        Self { map, said }
    }

    pub(crate) fn limit(&self, only: &Only) -> Result<(), Error> {
        self.change(|said| said.0 = only.clone())
    }

    pub(crate) fn take_all(&self, all: bool) -> Result<(), Error> {
        self.change(|said| said.1 = all)
    }

    fn change(&self, change: impl FnOnce(&mut (Only, bool))) -> Result<(), Error> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = said.clone();
        change(&mut next);
        let bytes = next.0.to_bytes(next.1);
        let written = self.map.update(&0u32.to_ne_bytes(), &bytes, MapFlags::ANY);
        written.map_err(|error| Error::map("limiting frames: bpf(BPF_MAP_UPDATE_ELEM)", error))?;
        *said = next;
        Ok(())
    }
}

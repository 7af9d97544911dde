//! The headers of a packet file that tcpdump and Wireshark read (pcap-savefile(5)).
//!
//! ```text
//!  file  ┌─────────────┬───────────────┬────────┬───────────────┬────────┬───
//!        │ file header │ packet header │ packet │ packet header │ packet │ ...
//!        │ 24          │ 16            │        │ 16            │        │
//!        └─────────────┴───────────────┴────────┴───────────────┴────────┴───
//! ```
//!
//! ```
//! use std::time::SystemTime;
//! use xskit_wire::pcap;
//!
//! # let packet = [0; 60];
//! let mut file = Vec::new(); // or a `File`, by `std::io::Write`
//! file.extend(pcap::file_header());
//! let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
//! file.extend(pcap::packet_header(now, packet.len()));
//! file.extend(packet);
//! # assert_eq!(file.len(), 24 + 16 + 60);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::time::Duration;

/// Bytes of the header of a file.
pub const FILE_HEADER_LEN: usize = 24;
/// Bytes of the header of a packet.
pub const PACKET_HEADER_LEN: usize = 16;

/// Marks times in nanoseconds. It is in the machine's byte order, which readers recognise by it.
const MAGIC: u32 = 0xa1b2_3c4d;
/// The longest packet, as tcpdump writes it: longer than any frame.
const SNAP_LEN: u32 = 262_144;
/// LINKTYPE_ETHERNET.
const ETHERNET: u32 = 1;

/// The header at the start of a file: version 2.4, Ethernet frames, times in nanoseconds.
#[must_use]
pub const fn file_header() -> [u8; FILE_HEADER_LEN] {
    let [major, minor] = [2_u16.to_ne_bytes(), 4_u16.to_ne_bytes()];
    let version = u32::from_ne_bytes([major[0], major[1], minor[0], minor[1]]);
    // Time zone and accuracy are always 0.
    words([MAGIC, version, 0, 0, SNAP_LEN, ETHERNET])
}

/// The header before a packet of `len` bytes that is written whole. `time` is counted from the
/// beginning of 1970, UTC; from 2106 on its seconds no longer fit.
#[must_use]
pub const fn packet_header(time: Duration, len: usize) -> [u8; PACKET_HEADER_LEN] {
    let len = len as u32;
    words([time.as_secs() as u32, time.subsec_nanos(), len, len])
}

/// These words, in the byte order of the machine.
const fn words<const WORDS: usize, const BYTES: usize>(words: [u32; WORDS]) -> [u8; BYTES] {
    const { assert!(WORDS * 4 == BYTES) };
    let mut bytes = [0; BYTES];
    let mut at = 0;
    while at < BYTES {
        bytes[at] = words[at / 4].to_ne_bytes()[at % 4];
        at += 1;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::{file_header, packet_header};

    #[test]
    #[cfg(target_endian = "little")]
    fn headers_are_as_tcpdump_writes_them() {
        // tcpdump --time-stamp-precision=nano -w
        let file = [
            0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
        ];
        assert_eq!(file_header(), file);
        let packet = [
            0x04, 0x03, 0x02, 0x01, 0xff, 0xc9, 0x9a, 0x3b, 0xea, 0x05, 0, 0, 0xea, 0x05, 0, 0,
        ];
        let time = Duration::new(0x0102_0304, 999_999_999);
        assert_eq!(packet_header(time, 1514), packet);
    }
}

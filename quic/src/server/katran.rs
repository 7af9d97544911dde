//! `Katran`: connection ids that hold the host's number, for the load balancer Katran.
//!
//! ```text
//! version 1:  01 | host (16 bits) | worker (8) | ...
//! version 2:  10 | 6 bits unused | host (24) | worker (8) | ...
//! version 3:  11 | 6 bits unused | host (32) | worker (8) | ...
//! ```
//!
//! Katran reads the version and the host (`parse_quic` in its `pckt_parsing.h`) of ids with at
//! least 8 bytes. The worker's place is that of mvfst (`DefaultConnectionIdAlgo.h`). Ids have 12
//! bytes, so that 54 bits are random even in version 3.

use super::cid_format::{ConnectionIdError, ConnectionIdFormat};

const LEN_BYTES: usize = 12;

/// The first 8 bytes of an id, big-endian: all that is read.
type Head = u64;

/// How many bits of an id hold the host's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostBits {
    /// 16: version 1.
    #[default]
    Sixteen,
    /// 24: version 2.
    TwentyFour,
    /// 32: version 3.
    ThirtyTwo,
}

/// Ids in the format of the load balancer Katran.
#[derive(Clone, Copy, Debug)]
pub struct Katran {
    /// Version and host.
    value: Head,
    mask: Head,
    /// The lowest bit of the worker's number.
    worker_shift: u32,
}

impl Katran {
    /// Ids of the host with this number in Katran's map of QUIC servers.
    ///
    /// # Errors
    ///
    /// [`ConnectionIdError::Host`] if the number does not fit in `bits`.
    pub fn new(host: u32, bits: HostBits) -> Result<Self, ConnectionIdError> {
        // Where the host's number ends.
        let (version, bits, end) = match bits {
            HostBits::Sixteen => (1, 16, 18),
            HostBits::TwentyFour => (2, 24, 32),
            HostBits::ThirtyTwo => (3, 32, 40),
        };
        if u64::from(host) >> bits != 0 {
            return Err(ConnectionIdError::Host { host, bits });
        }
        let host_shift = Head::BITS - end;
        let host_mask: Head = (1 << bits) - 1;
        Ok(Self {
            value: version << (Head::BITS - 2) | Head::from(host) << host_shift,
            mask: 0b11 << (Head::BITS - 2) | host_mask << host_shift,
            worker_shift: host_shift - 8,
        })
    }
}

impl ConnectionIdFormat for Katran {
    fn len_bytes(&self) -> usize {
        LEN_BYTES
    }

    fn stamp(&self, id: &mut [u8], worker: Option<u8>) {
        let Some(bytes) = id.first_chunk_mut() else {
            return;
        };
        let mut head = Head::from_be_bytes(*bytes) & !self.mask | self.value;
        if let Some(worker) = worker {
            head &= !(0xff << self.worker_shift);
            head |= Head::from(worker) << self.worker_shift;
        }
        *bytes = head.to_be_bytes();
    }

    fn worker_of(&self, id: &[u8]) -> Option<u8> {
        let head = Head::from_be_bytes(*id.first_chunk()?);
        let [.., worker] = (head >> self.worker_shift).to_be_bytes();
        (head & self.mask == self.value).then_some(worker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ids of Katran's own tests (`KatranBaseTestFixtures.h`): hosts 1026 and 197,700.
    #[test]
    fn a_host_stands_where_katran_reads_it() {
        let stamped = |host, bits, id: &[u8]| {
            let mut all = id.to_vec();
            all[0] = !all[0];
            Katran::new(host, bits).unwrap().stamp(&mut all, None);
            all
        };
        let first = [0x41, 0x00, 0x83, 0x04, 0x05, 0x06, 0x07, 0x00];
        assert_eq!(stamped(1026, HostBits::Sixteen, &first), first);
        let second = [0x80, 0x03, 0x04, 0x44, 0, 0, 0, 0];
        let mut known = stamped(197_700, HostBits::TwentyFour, &second);
        // Six bits that aren't looked at.
        known[0] &= 0xc0;
        assert_eq!(known, second);
        let third = stamped(0x0102_0304, HostBits::ThirtyTwo, &[0xff; 8]);
        assert_eq!(third, [0xc0, 1, 2, 3, 4, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn a_worker_stands_where_mvfst_has_it() {
        for (bits, at) in [
            (HostBits::Sixteen, 18),
            (HostBits::TwentyFour, 32),
            (HostBits::ThirtyTwo, 40),
        ] {
            let format = Katran::new(77, bits).unwrap();
            for worker in [0, 1, 0x5a, 255] {
                let mut id = [0xa5; LEN_BYTES];
                format.stamp(&mut id, Some(worker));
                assert_eq!(format.worker_of(&id), Some(worker));
                let head = u64::from_be_bytes(*id.first_chunk().unwrap());
                assert_eq!((head << at >> 56) as u8, worker);
            }
            let mut other = [0; LEN_BYTES];
            Katran::new(78, bits).unwrap().stamp(&mut other, Some(1));
            assert_eq!(format.worker_of(&other), None);
        }
    }

    #[test]
    fn a_host_of_more_bits_is_refused() {
        for (bits, count, host) in [
            (HostBits::Sixteen, 16, 1 << 16),
            (HostBits::TwentyFour, 24, 1 << 24),
        ] {
            let error = Katran::new(host, bits).unwrap_err();
            assert_eq!(error, ConnectionIdError::Host { host, bits: count });
            assert!(Katran::new(host - 1, bits).is_ok());
        }
        assert!(Katran::new(u32::MAX, HostBits::ThirtyTwo).is_ok());
    }
}

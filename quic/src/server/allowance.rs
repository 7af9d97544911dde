//! `Allowance`: how much may be sent to an address before it is proven.

use std::net::SocketAddr;

use crate::transport::MIN_UDP_PAYLOAD_BYTES;

/// Bytes that may be sent per byte received (RFC 9000, section 8.1).
const FACTOR: usize = 3;

/// An unproven address, and the bytes that may still be sent there.
///
/// Source addresses can be forged, so answers must not amplify much. quiche has a limit, but
/// doesn't charge the padding of datagrams with an Initial packet: small acknowledgements, which
/// are padded to 1,200 bytes each, pass it unnoticed. No Initial packet is sent once the address is
/// proven; quiche's limit, which also holds for each path that a client moves to, is exact from
/// then on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    peer: SocketAddr,
    left_bytes: usize,
}

impl Allowance {
    pub(super) fn new(peer: SocketAddr) -> Self {
        Self {
            peer,
            left_bytes: 0,
        }
    }

    /// Counts a received datagram, if it came from the address itself.
    pub(super) fn received(&mut self, from: SocketAddr, bytes: usize) {
        if from == self.peer {
            self.left_bytes = self.left_bytes.saturating_add(bytes.saturating_mul(FACTOR));
        }
    }

    /// The part of `out` that may be filled. `None` if that is less than a datagram with an Initial
    /// packet needs: sending waits until the client sends more.
    pub(super) fn within<'a>(&self, out: &'a mut [u8]) -> Option<&'a mut [u8]> {
        if self.left_bytes < MIN_UDP_PAYLOAD_BYTES {
            return None;
        }
        let len = out.len().min(self.left_bytes);
        out.get_mut(..len)
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        self.left_bytes = self.left_bytes.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_times_what_the_address_itself_sent() {
        let peer: SocketAddr = "192.0.2.1:9".parse().unwrap();
        let mut allowance = Allowance::new(peer);
        let mut out = [0; 2000];
        assert!(allowance.within(&mut out).is_none());
        allowance.received("192.0.2.1:8".parse().unwrap(), 9000);
        assert!(allowance.within(&mut out).is_none());
        allowance.received(peer, 1200);
        for left in [3600, 2400, 1200] {
            assert_eq!(
                allowance.within(&mut out).map(|out| out.len()),
                Some(left.min(2000))
            );
            allowance.sent(1200);
        }
        assert!(allowance.within(&mut out).is_none());
    }
}

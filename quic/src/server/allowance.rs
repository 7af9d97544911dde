//! `Allowance`: what may be sent to an address before it is proven.

use std::net::SocketAddr;

use crate::transport::MIN_UDP_PAYLOAD_BYTES;

/// Bytes that may be sent for each one received (RFC 9000, section 8.1).
const FACTOR: usize = 3;

/// An address that nothing has proven yet, and the bytes that may still be sent there.
///
/// A datagram's sender can write any source address, so what is answered must not be worth the
/// lie. quiche has a limit of its own, but doesn't charge the padding of datagrams with an Initial
/// packet to it: small acknowledgements, which cost 1,200 bytes each, pass it unnoticed. Once the
/// address is proven no Initial packet is sent any more, and quiche's limit, which also holds for
/// every path that a client moves to, is exact.
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

    /// A datagram came in; only those from the address itself count.
    pub(super) fn received(&mut self, from: SocketAddr, bytes: usize) {
        if from == self.peer {
            self.left_bytes = self.left_bytes.saturating_add(bytes.saturating_mul(FACTOR));
        }
    }

    /// As much of `out` as may be filled. `None`: less than a datagram with an Initial packet
    /// must have, so what there is to say is held back until the client sends more.
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

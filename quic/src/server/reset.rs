//! `Resets`: stateless resets (RFC 9000, section 10.3). They tell a client whose server was
//! restarted that its connection is gone, so that it need not wait for its idle timeout.
//!
//! ```text
//! id issued -> token = HMAC(key, id), sent to the client under the connection's keys
//! ... the server is killed, and restarted with the same private key ...
//! packet for the id -> no such connection -> random bytes, then the same token
//! ```
//!
//! # The key
//!
//! The key is derived from the identity's private key, so it survives a restart without a file, and
//! all servers with one private key share it. With a self-signed certificate made at each start it
//! changes each time, and clients wait for their idle timeout.
//!
//! When the identity changes while the server runs, tokens of new ids are made with the new key,
//! because a server restarted later knows no other. The previous key is kept for ids issued before.
//! An unknown id doesn't reveal which of the two made its token, so a coin decides per answer: a
//! client repeats what isn't answered, and two answers to one packet would multiply packets. After
//! several changes, the last two keys count.
//!
//! An attacker who sees a connection's id, and can route a packet with it to another server with
//! the same private key, learns the token and can end the connection (RFC 9000, section 21.11). So
//! if several servers share a private key, each packet must reach the server that has its
//! connection.

use std::time::{Duration, Instant};

use super::cid::Cid;
use crate::error::SetupError;
use crate::identity::{DerivedKey, Identity};

/// The shortest reset that clients recognise.
const MIN_RESET_BYTES: usize = 21;

/// A reset of this length looks like any packet, whatever the length of the ids in use. The answer
/// to a longer packet may be much shorter (RFC 9000, section 10.3).
const MAX_RESET_BYTES: usize = 42;

const TOKEN_BYTES: usize = 16;

/// Bits of the first byte that are fixed in packets with a short header, and their values.
const FIXED_BITS: u8 = 0xc0;
const SHORT_HEADER: u8 = 0x40;

/// Resets in a burst.
const BURST: u32 = 100;
/// After a burst, one more reset per this time.
const EARNED_EVERY: Duration = Duration::from_millis(10);

const KEY_LABEL: &[u8] = b"xskit stateless reset key";
const TOKEN_LABEL: &[u8] = b"xskit stateless reset token";

/// Makes tokens, and resets within a quota.
pub(super) struct Resets {
    key: DerivedKey,
    former_key: Option<DerivedKey>,
    quota: Quota,
}

impl Resets {
    pub(super) fn new(identity: &Identity) -> Result<Self, SetupError> {
        Ok(Self {
            key: identity.derive_key(KEY_LABEL)?,
            former_key: None,
            quota: Quota::default(),
        })
    }

    /// Makes tokens with this identity's key from now on.
    pub(super) fn set_identity(&mut self, identity: &Identity) -> Result<(), SetupError> {
        let key = identity.derive_key(KEY_LABEL)?;
        if key != self.key {
            self.former_key = Some(std::mem::replace(&mut self.key, key));
        }
        Ok(())
    }

    /// The token of an id, in quiche's form. `None` if the cryptographic library fails.
    pub(super) fn token(&self, id: Cid) -> Option<u128> {
        token(&self.key, id.as_slice()).map(u128::from_be_bytes)
    }

    /// The length of the reset that answers a packet of this length; `None` if the packet is too
    /// short to answer. A reset is smaller than its packet, so two servers that answer each other's
    /// resets soon stop (RFC 9000, section 10.3.3).
    pub(super) fn len_for(packet_bytes: usize) -> Option<usize> {
        let len = packet_bytes.saturating_sub(1).min(MAX_RESET_BYTES);
        (len >= MIN_RESET_BYTES).then_some(len)
    }

    /// Takes one reset from the quota; false if none is left.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.quota.take(now)
    }

    /// A reset of `len` bytes for an unknown id. `None` if the cryptographic library fails.
    pub(super) fn write(&self, len: usize, id: &[u8]) -> Option<Vec<u8>> {
        let mut random = [0; 1 + MAX_RESET_BYTES];
        boring::rand::rand_bytes(&mut random).ok()?;
        let (coin, random) = random.split_first()?;
        let key = match &self.former_key {
            Some(former) if coin & 1 == 0 => former,
            _ => &self.key,
        };
        let mut reset = random.get(..len)?.to_vec();
        let first = reset.first_mut()?;
        *first = SHORT_HEADER | (*first & !FIXED_BITS);
        *reset.last_chunk_mut()? = token(key, id)?;
        Some(reset)
    }
}

fn token(key: &DerivedKey, id: &[u8]) -> Option<[u8; TOKEN_BYTES]> {
    let message = [TOKEN_LABEL, id].concat();
    let mac = boring::hash::hmac_sha256(key, &message).ok()?;
    mac.first_chunk().copied()
}

/// A bound on the rate of resets.
#[derive(Debug, Default)]
struct Quota {
    /// When the quota will be full again.
    settled: Option<Instant>,
}

impl Quota {
    /// Takes one reset from the quota; false if none is left.
    fn take(&mut self, now: Instant) -> bool {
        let settled = self.settled.map_or(now, |settled| settled.max(now));
        let may = settled.duration_since(now) <= EARNED_EVERY * (BURST - 1);
        if may {
            self.settled = Some(settled + EARNED_EVERY);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::cert;
    use crate::client::{Client, ClientConfig, Trust};
    use crate::endpoint::Endpoint;
    use crate::server::ServerConfig;

    /// quiche accepts a known id only with the same token.
    #[test]
    fn every_id_that_a_client_is_given_has_its_token() {
        let root = tempfile::tempdir().unwrap();
        let now = Instant::now();
        let (from, to): (SocketAddr, SocketAddr) = (
            "198.51.100.7:9".parse().unwrap(),
            "192.0.2.1:443".parse().unwrap(),
        );
        let pem = cert::self_signed(&["server.test".into()]).unwrap();
        let identity = Identity::from_pem(pem.certificate.as_bytes(), pem.key.as_bytes());
        let config = ServerConfig::new(identity.unwrap());
        let mut server = crate::FileServer::<()>::of_directory(root.path(), &config, now).unwrap();
        let config = ClientConfig::new("server.test", 443, Trust::Anyone);
        let mut client = Client::new(&config, from, to, (), now).unwrap();
        let mut buf = [0; 2000];
        for _ in 0..10 {
            while let Some(sent) = client.poll_transmit(now, &mut buf) {
                server.handle_datagram(now, &mut buf[..sent.len], from, to, ());
            }
            while let Some(sent) = server.poll_transmit(now, &mut buf) {
                client.handle_datagram(now, &mut buf[..sent.len], to, from, ());
            }
        }
        let (_, connection) = server.connections.iter_mut().next().unwrap();
        // The first id is the client's choice.
        let ids = &connection.ids.present()[1..];
        assert_eq!(ids.len(), 8);
        for (at, id) in ids.iter().enumerate() {
            let token = server.resets.token(*id).unwrap();
            let added = connection.quic.new_scid(&id.to_quiche(), token, true);
            assert_eq!(added, Ok(at as u64));
        }
    }
}

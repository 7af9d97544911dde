//! `Tokens`: Retry tokens, by which a client proves its address (RFC 9000, section 8.1.2) while the
//! server keeps no state for it.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::cid::Cid;
use super::rotation::RotatingKey;

/// A token is for one round trip; this allows for a slow one.
const LIFETIME: Duration = Duration::from_secs(15);
/// How long new tokens are made with one key.
const KEY_PERIOD: Duration = Duration::from_secs(60 * 60);
const KEY_BYTES: usize = 32;
const MAC_BYTES: usize = 16;
const TIME_BYTES: usize = 4;

/// Makes and checks tokens. The keys are random, so tokens are valid within one process.
pub(super) struct Tokens {
    key: RotatingKey<KEY_BYTES>,
    epoch: Instant,
}

impl Tokens {
    /// `None` if the random source fails.
    pub(super) fn new(now: Instant) -> Option<Self> {
        let key = RotatingKey::new(now, KEY_PERIOD)?;
        Some(Self { key, epoch: now })
    }

    /// Makes a new key if one is due.
    pub(super) fn turn(&self, now: Instant) {
        self.key.turn(now);
    }

    /// Makes a token for a client at `peer` whose first packet had the destination id `original`,
    /// and whose next one shall have `retry`. Layout: seconds (4), original id, MAC (16). `None` if
    /// the cryptographic library fails.
    pub(super) fn mint(
        &self,
        now: Instant,
        peer: SocketAddr,
        original: Cid,
        retry: Cid,
    ) -> Option<Vec<u8>> {
        let seconds = self.seconds(now);
        let mac = mac(&self.key.current(), seconds, peer, original, retry)?;
        let mut token = seconds.to_be_bytes().to_vec();
        token.extend_from_slice(original.as_slice());
        token.extend_from_slice(&mac);
        Some(token)
    }

    /// The original destination id, if the token is ours, still valid, and for this client.
    pub(super) fn open(
        &self,
        now: Instant,
        peer: SocketAddr,
        token: &[u8],
        retry: Cid,
    ) -> Option<Cid> {
        let (seconds, rest) = token.split_first_chunk::<TIME_BYTES>()?;
        let (original, mac) = rest.split_last_chunk::<MAC_BYTES>()?;
        let seconds = u32::from_be_bytes(*seconds);
        let original = Cid::new(original)?;
        let is_ours = |key: [u8; KEY_BYTES]| {
            let ours = self::mac(&key, seconds, peer, original, retry);
            ours.is_some_and(|ours| boring::memcmp::eq(&ours, mac))
        };
        if !self.key.accepted().any(is_ours) {
            return None;
        }
        let age = self.seconds(now).checked_sub(seconds)?;
        (u64::from(age) <= LIFETIME.as_secs()).then_some(original)
    }

    fn seconds(&self, now: Instant) -> u32 {
        let since = now.saturating_duration_since(self.epoch);
        u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
    }
}

/// Every field has a fixed length or a length prefix, so the MAC's input is unambiguous.
fn mac(
    key: &[u8; KEY_BYTES],
    seconds: u32,
    peer: SocketAddr,
    original: Cid,
    retry: Cid,
) -> Option<[u8; MAC_BYTES]> {
    let address = match peer.ip() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    let mut message = seconds.to_be_bytes().to_vec();
    message.extend_from_slice(&address.octets());
    message.extend_from_slice(&peer.port().to_be_bytes());
    for id in [original, retry] {
        message.push(u8::try_from(id.as_slice().len()).ok()?);
        message.extend_from_slice(id.as_slice());
    }
    let mac = boring::hash::hmac_sha256(key, &message).ok()?;
    mac.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::RandomIds;

    #[test]
    fn a_token_is_for_one_client_and_a_short_time() {
        let now = Instant::now();
        let tokens = Tokens::new(now).unwrap();
        let peer: SocketAddr = "192.0.2.1:5000".parse().unwrap();
        let other: SocketAddr = "192.0.2.1:5001".parse().unwrap();
        let (original, retry) = (
            Cid::random(&RandomIds, None).unwrap(),
            Cid::random(&RandomIds, None).unwrap(),
        );
        let token = tokens.mint(now, peer, original, retry).unwrap();

        assert_eq!(tokens.open(now, peer, &token, retry), Some(original));
        assert_eq!(tokens.open(now, other, &token, retry), None);
        assert_eq!(tokens.open(now, peer, &token, original), None);
        let later = now + LIFETIME + Duration::from_secs(2);
        assert_eq!(tokens.open(later, peer, &token, retry), None);
        let restarted = Tokens::new(now).unwrap();
        assert_eq!(restarted.open(now, peer, &token, retry), None);
    }

    #[test]
    fn a_token_outlives_its_key_by_its_own_lifetime() {
        let begin = Instant::now();
        let tokens = Tokens::new(begin).unwrap();
        let peer: SocketAddr = "192.0.2.1:5000".parse().unwrap();
        let id = Cid::random(&RandomIds, None).unwrap();
        let minted = begin + KEY_PERIOD - Duration::from_secs(1);
        let token = tokens.mint(minted, peer, id, id).unwrap();
        let key = tokens.key.current();
        let later = minted + LIFETIME;
        tokens.turn(later);
        assert_ne!(tokens.key.current(), key);
        assert_eq!(tokens.open(later, peer, &token, id), Some(id));
        // Its time has not run out, but its key is gone.
        tokens.turn(later + KEY_PERIOD);
        assert_eq!(tokens.open(later, peer, &token, id), None);
    }

    #[test]
    fn a_changed_or_cut_token_is_refused() {
        let now = Instant::now();
        let tokens = Tokens::new(now).unwrap();
        let peer: SocketAddr = "[2001:db8::1]:5000".parse().unwrap();
        let (original, retry) = (
            Cid::random(&RandomIds, None).unwrap(),
            Cid::random(&RandomIds, None).unwrap(),
        );
        let token = tokens.mint(now, peer, original, retry).unwrap();
        for at in 0..token.len() {
            let mut changed = token.clone();
            changed[at] ^= 1;
            assert_eq!(tokens.open(now, peer, &changed, retry), None, "byte {at}");
            assert_eq!(
                tokens.open(now, peer, &token[..at], retry),
                None,
                "cut at {at}"
            );
        }
    }
}

//! The key phase of packets, read with the secrets from our end's key log.

use std::path::Path;

use anyhow::Context;
use ring::aead::quic::{AES_128, AES_256, HeaderProtectionKey};
use ring::hkdf::{HKDF_SHA256, HKDF_SHA384, Prk};

/// The prefix of a packet that is needed: its first byte, an id, a packet number of four bytes and
/// a sample.
pub(crate) const PREFIX_BYTES: usize = 1 + 20 + 4 + 16;

/// In the first byte of a short header (RFC 9000, section 17.3.1).
const KEY_PHASE: u8 = 0x04;

/// The protected bits of a short header's first byte (RFC 9001, section 5.4.1).
const PROTECTED: u8 = 0x1f;

/// Whether any of these packets was sent under the second keys. `secret` is the sender's line in
/// the key log, `id_len` the length of the ids in its packets. Only for AES.
pub(crate) fn any_updated(
    keylog: &Path,
    secret: &str,
    packets: &[Vec<u8>],
    id_len: usize,
) -> anyhow::Result<bool> {
    let text = std::fs::read_to_string(keylog).context("the key log")?;
    let line = text.lines().find(|line| line.starts_with(secret));
    let secret = line.and_then(|line| line.split(' ').nth(2));
    let secret = unhex(secret.context("the key log has no secret")?);
    let key = protection(&secret.context("a secret that is no number")?)?;
    let is_updated = |packet: &Vec<u8>| {
        let (&first, sample) = (packet.first()?, packet.get(1 + id_len + 4..)?);
        let mask = key.new_mask(sample.get(..16)?).ok()?;
        Some((first ^ mask[0] & PROTECTED) & KEY_PHASE != 0)
    };
    Ok(packets.iter().filter_map(is_updated).any(|is| is))
}

/// Derives the key (RFC 9001, section 5.1). The length of the secret is that of the suite's hash.
fn protection(secret: &[u8]) -> anyhow::Result<HeaderProtectionKey> {
    let (hash, cipher, key_len) = match secret.len() {
        48 => (HKDF_SHA384, &AES_256, 32_u8),
        _ => (HKDF_SHA256, &AES_128, 16),
    };
    let label = b"tls13 quic hp";
    let label_len = u8::try_from(label.len())?;
    let info: [&[u8]; 4] = [&[0, key_len], &[label_len], label, &[0]];
    let output = Prk::new_less_safe(hash, secret);
    let output = output.expand(&info, cipher);
    Ok(output.ok().context("no key of this length")?.into())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let byte = |at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(byte).collect()
}

//! QUIC packets with arbitrary frames under the right keys (RFC 9001, section 5), so that the code
//! behind the authentication is attacked as well. AEAD_AES_128_GCM only.

use boring::hash::hmac_sha256;
use boring::symm::{Cipher, encrypt, encrypt_aead};

/// RFC 9001, section 5.2.
const INITIAL_SALT: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad,
    0xcc, 0xbb, 0x7f, 0x0a,
];

/// The keys of one direction.
pub(super) struct Keys {
    key: Vec<u8>,
    iv: Vec<u8>,
    header: Vec<u8>,
}

impl Keys {
    /// Of a client's first packets: anyone can make them.
    pub(super) fn of_initial(dcid: &[u8]) -> Self {
        Self::of_secret(&expand(&hmac(&INITIAL_SALT, dcid), "client in", 32))
    }

    /// Of a traffic secret.
    pub(super) fn of_secret(secret: &[u8]) -> Self {
        Self {
            key: expand(secret, "quic key", 16),
            iv: expand(secret, "quic iv", 12),
            header: expand(secret, "quic hp", 16),
        }
    }

    /// Seals `frames` behind `header`, which ends with a packet number of four bytes.
    pub(super) fn seal(&self, mut header: Vec<u8>, frames: &[u8]) -> Vec<u8> {
        let number_at = header.len() - 4;
        let mut nonce = self.iv.clone();
        for (byte, number) in nonce[8..].iter_mut().zip(&header[number_at..]) {
            *byte ^= number;
        }
        let mut tag = [0; 16];
        let cipher = Cipher::aes_128_gcm();
        let sealed = encrypt_aead(cipher, &self.key, Some(&nonce), &header, frames, &mut tag);
        let sealed = [sealed.expect("AES-GCM seals anything"), tag.to_vec()].concat();

        let mask = encrypt(Cipher::aes_128_ecb(), &self.header, None, &sealed[..16]);
        let mask = mask.expect("AES encrypts any block");
        let long = header[0] & 0x80 != 0;
        header[0] ^= mask[0] & if long { 0x0f } else { 0x1f };
        for (byte, mask) in header[number_at..].iter_mut().zip(&mask[1..]) {
            *byte ^= mask;
        }
        [header, sealed].concat()
    }
}

/// The header of an Initial packet.
pub(super) struct Initial<'a> {
    pub(super) version: u32,
    pub(super) dcid: &'a [u8],
    pub(super) scid: &'a [u8],
    pub(super) token: &'a [u8],
    pub(super) number: u32,
}

impl Initial<'_> {
    pub(super) fn seal(&self, frames: &[u8]) -> Vec<u8> {
        let mut header = vec![0xc3];
        header.extend(self.version.to_be_bytes());
        for id in [self.dcid, self.scid] {
            header.push(u8::try_from(id.len()).expect("ids are short"));
            header.extend(id);
        }
        header.extend(varint(self.token.len()));
        header.extend(self.token);
        header.extend(varint(4 + frames.len() + 16));
        header.extend(self.number.to_be_bytes());
        Keys::of_initial(self.dcid).seal(header, frames)
    }
}

/// A packet of an established connection.
pub(super) fn seal_short(keys: &Keys, dcid: &[u8], number: u32, frames: &[u8]) -> Vec<u8> {
    let header = [&[0x43][..], dcid, &number.to_be_bytes()].concat();
    keys.seal(header, frames)
}

/// A variable-length integer in two bytes (RFC 9000, section 16); what is too large for them is
/// cut.
pub(super) fn varint(number: usize) -> [u8; 2] {
    (0x4000 | (number & 0x3fff) as u16).to_be_bytes()
}

/// HKDF-Expand-Label for at most one block of output (RFC 8446, section 7.1).
fn expand(secret: &[u8], label: &str, len: u8) -> Vec<u8> {
    let label = [b"tls13 ", label.as_bytes()].concat();
    let label_len = u8::try_from(label.len()).expect("labels are short");
    let info = [&[0, len, label_len][..], &label, &[0, 1]].concat();
    hmac(secret, &info)[..usize::from(len)].to_vec()
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    hmac_sha256(key, data).expect("HMAC takes anything")
}

#[cfg(test)]
mod tests {
    use super::Keys;

    /// RFC 9001, appendix A.1.
    #[test]
    fn initial_keys_are_those_of_the_rfc() {
        let keys = Keys::of_initial(&0x8394_c8f0_3e51_5708_u64.to_be_bytes());
        assert_eq!(
            keys.key,
            0x1f369613dd76d5467730efcbe3b1a22d_u128.to_be_bytes()
        );
        assert_eq!(keys.iv, 0xfa044b2f42a3fd3b46fb255c_u128.to_be_bytes()[4..]);
        assert_eq!(
            keys.header,
            0x9f50449e04a0e810283a1e9933adedd2_u128.to_be_bytes()
        );
    }
}

//! `Tickets`: the keys of TLS tickets, by which a client resumes at any worker (RFC 8446, section
//! 4.6.1).
//!
//! A ticket is accepted for 12 to 24 hours, so that a leaked key doesn't open connections from long
//! before or after. quiche takes a single fixed key, so BoringSSL is given a callback that knows
//! the current key and the previous one.
//!
//! ```text
//! ticket = name of the key (16) | IV (16) | AES-256-CBC of the session | HMAC-SHA-256 of it all
//! ```

// For one call, in `seal_by`: the types can't express what the callback owes to BoringSSL.
#![allow(unsafe_code)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use boring::error::ErrorStack;
use boring::hash::MessageDigest;
use boring::hmac::HmacCtxRef;
use boring::ssl::{SslContextBuilder, TicketKeyCallbackResult};
use boring::symm::{Cipher, CipherCtxRef};

use super::rotation::RotatingKey;

/// How long new tickets are made with one key.
const PERIOD: Duration = Duration::from_secs(12 * 60 * 60);

const NAME_BYTES: usize = 16;
const IV_BYTES: usize = 16;
const AES_BYTES: usize = 32;
const MAC_BYTES: usize = 32;
const KEY_BYTES: usize = NAME_BYTES + AES_BYTES + MAC_BYTES;

/// The keys of all workers' tickets.
#[derive(Clone)]
pub(super) struct Tickets(Arc<RotatingKey<KEY_BYTES>>);

/// The parts of a key.
struct Parts<'a> {
    name: &'a [u8],
    aes: &'a [u8],
    mac: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(key: &'a [u8; KEY_BYTES]) -> Self {
        let (name, rest) = key.split_at(NAME_BYTES);
        let (aes, mac) = rest.split_at(AES_BYTES);
        Self { name, aes, mac }
    }
}

impl Tickets {
    /// `None` if the random source fails.
    pub(super) fn new(now: Instant) -> Option<Self> {
        Some(Self(Arc::new(RotatingKey::new(now, PERIOD)?)))
    }

    /// Makes a new key if one is due.
    pub(super) fn turn(&self, now: Instant) {
        self.0.turn(now);
    }

    /// Has a server's tickets sealed and opened with these keys.
    pub(super) fn seal_by(&self, tls: &mut SslContextBuilder) {
        let keys = self.clone();
        // SAFETY: BoringSSL calls this to seal a ticket (`encrypt`), or to open one. On success it
        // uses `cipher` and `mac`, so both must have been given their keys. When sealing, it also
        // writes `name` and `iv` into the ticket, so both must be set. `seal` and `open` return
        // success only after doing all of that. After `Noop`, BoringSSL uses none of it.
        unsafe {
            tls.set_ticket_key_callback(move |_, name, iv, cipher, mac, encrypt| match encrypt {
                true => match keys.seal(name, iv, cipher, mac) {
                    Ok(()) => TicketKeyCallbackResult::Success,
                    // No ticket is sent.
                    Err(_) => TicketKeyCallbackResult::Noop,
                },
                false => match keys.open(name, iv, cipher, mac) {
                    Ok(true) => TicketKeyCallbackResult::Success,
                    // A full handshake.
                    Ok(false) | Err(_) => TicketKeyCallbackResult::Noop,
                },
            });
        }
    }

    /// Sets everything that BoringSSL needs to seal a ticket.
    fn seal(
        &self,
        name: &mut [u8; NAME_BYTES],
        iv: &mut [u8; IV_BYTES],
        cipher: &mut CipherCtxRef,
        mac: &mut HmacCtxRef,
    ) -> Result<(), ErrorStack> {
        let key = self.0.current();
        let parts = Parts::of(&key);
        boring::rand::rand_bytes(iv)?;
        name.copy_from_slice(parts.name);
        cipher.init_encrypt(&Cipher::aes_256_cbc(), parts.aes, iv)?;
        mac.init(parts.mac, &MessageDigest::sha256())
    }

    /// Sets everything that BoringSSL needs to open a ticket. False if its key is not one of these.
    fn open(
        &self,
        name: &[u8; NAME_BYTES],
        iv: &[u8; IV_BYTES],
        cipher: &mut CipherCtxRef,
        mac: &mut HmacCtxRef,
    ) -> Result<bool, ErrorStack> {
        let Some(key) = self.0.accepted().find(|key| Parts::of(key).name == name) else {
            return Ok(false);
        };
        let parts = Parts::of(&key);
        cipher.init_decrypt(&Cipher::aes_256_cbc(), parts.aes, iv)?;
        mac.init(parts.mac, &MessageDigest::sha256())?;
        Ok(true)
    }
}

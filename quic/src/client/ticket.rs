//! `Ticket`: what a client needs to resume a connection.

use std::fmt;

use boring::sha::Sha256;

/// Length of the digest that a ticket begins with.
const WHOM_BYTES: usize = 32;

/// A TLS 1.3 session ticket (RFC 8446, section 4.6.1), with the transport parameters that apply to
/// early data.
///
/// A resumed connection has no certificate; the ticket stands for the one that was checked. So a
/// ticket is used only with the `server_name` and the `trust` that it was obtained under. With
/// another configuration, or if the server no longer accepts it, there is a full handshake.
///
/// It holds a secret: keep it as safe as a password. Use each ticket once, or an observer can link
/// two connections to one client (RFC 8446, appendix C.4).
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket(Vec<u8>);

impl Ticket {
    pub(super) fn new(whom: Whom, session: &[u8]) -> Self {
        Self([&whom.0, session].concat())
    }

    /// quiche's part, if the ticket is from `whom`.
    pub(super) fn session(&self, whom: Whom) -> Option<&[u8]> {
        let (known, session) = self.0.split_at_checked(WHOM_BYTES)?;
        (known == whom.0).then_some(session)
    }

    /// The bytes, for storing.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// From the bytes of [`Ticket::as_bytes`]. Other bytes make a ticket that is never used.
impl From<Vec<u8>> for Ticket {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// Without the secret.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ticket").finish_non_exhaustive()
    }
}

/// A digest of the server's name and the trusted certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whom([u8; WHOM_BYTES]);

impl Whom {
    /// The digest of these byte strings, each preceded by its length.
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{ClientConfig, Trust};

    #[test]
    fn a_ticket_is_for_the_name_and_the_trust_it_was_got_under() {
        let whom = |name, trust| ClientConfig::new(name, 443, trust).whom();
        let mine = whom("a", Trust::System);
        let ticket = Ticket::new(mine, b"session");
        assert_eq!(ticket.session(mine), Some(&b"session"[..]));
        for other in [
            whom("b", Trust::System),
            whom("a", Trust::Anyone),
            whom("a", Trust::Pem("system".into())),
            whom("a", Trust::File("system".into())),
        ] {
            assert_eq!(ticket.session(other), None);
        }
        let stored = Ticket::from(ticket.as_bytes().to_vec());
        assert_eq!(stored.session(mine), Some(&b"session"[..]));
        assert_eq!(Ticket::from(vec![1, 2]).session(mine), None);
        assert!(!format!("{ticket:?}").contains("115"));
    }
}

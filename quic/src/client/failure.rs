//! `ConnectionEnd` and `RequestError`: how connections end and requests fail, explained to the
//! user.

use std::fmt;
use std::time::Duration;

use super::certificate::CertificateProblem;
use super::head::InvalidRequest;
use crate::Printable;

/// Why a connection is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionEnd {
    /// This side closed it.
    #[error("the connection was closed")]
    ByUs,
    /// The server closed it without an error.
    #[error("the server closed the connection{}", quoted(.reason))]
    ByServer {
        /// The server's reason; often empty.
        reason: String,
    },
    /// The server's certificate was refused.
    #[error(transparent)]
    Certificate(CertificateProblem),
    /// The TLS handshake failed on this side for another reason.
    #[error("the TLS handshake failed here with alert {alert} ({}); the server's TLS is unusual or broken", alert_name(*.alert))]
    Tls {
        /// TLS alert sent to the server.
        alert: u8,
    },
    /// The server ended the TLS handshake.
    #[error("the server ended the TLS handshake with alert {alert} ({}){}", alert_name(*.alert), alert_hint(*.alert))]
    TlsByServer {
        /// TLS alert from the server.
        alert: u8,
    },
    /// The server and this client have no QUIC version in common.
    #[error("the server speaks no QUIC version that this client does (version 1)")]
    Version,
    /// Nothing came back while the handshake was under way.
    #[error(
        "no answer from the server within {after:?}: is it running, is the UDP port right, \
         and does a firewall let UDP through?"
    )]
    Unreachable {
        /// The time waited.
        after: Duration,
    },
    /// Answers came, but the handshake did not finish in time.
    #[error(
        "the handshake was not finished within {after:?}: the server answers, but slowly, or many packets are lost"
    )]
    HandshakeTimeout {
        /// The time waited.
        after: Duration,
    },
    /// Nothing came for the idle timeout.
    #[error(
        "nothing came from the server for {after:?}, {} idle timeout: it, or the path to it, is gone",
        if *.is_servers { "the server's" } else { "this side's" }
    )]
    IdleTimeout {
        /// The idle timeout: the shorter of both sides'.
        after: Duration,
        /// The server's is the shorter one.
        is_servers: bool,
    },
    /// The server takes no more connections.
    #[error("the server refused the connection{}; try again later", quoted(.reason))]
    Refused {
        /// The server's reason; often empty.
        reason: String,
    },
    /// The server sent a stateless reset: it no longer knows the connection (RFC 9000, section
    /// 10.3). A client that has moved to another local address doesn't recognise the reset, and
    /// waits for its idle timeout.
    #[error(
        "the server has lost this connection, most likely because it was restarted (stateless reset): try again"
    )]
    Reset,
    /// The server closed it with an error.
    #[error("the server closed the connection with {layer} error 0x{code:x}{}", quoted(.reason))]
    ErrorByServer {
        /// The protocol of the code.
        layer: ErrorLayer,
        /// The code.
        code: u64,
        /// The server's reason; often empty.
        reason: String,
    },
    /// The server broke the protocol.
    #[error("the server broke the protocol: closed with {layer} error 0x{code:x}")]
    Protocol {
        /// The protocol of the code.
        layer: ErrorLayer,
        /// The code sent to the server.
        code: u64,
    },
}

/// The protocol that an error code belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorLayer {
    /// QUIC's (RFC 9000, section 20).
    Quic,
    /// HTTP/3's (RFC 9114, section 8.1).
    Http,
    /// Those of a protocol of your own.
    Application,
}

impl fmt::Display for ErrorLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quic => "QUIC",
            Self::Http => "HTTP/3",
            Self::Application => "application",
        })
    }
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The server cut the response off.
    #[error(
        "the server cut the response off after {received} bytes (HTTP/3 error 0x{code:x}{})",
        reset_hint(*.code)
    )]
    Reset {
        /// HTTP/3 error code.
        code: u64,
        /// Body bytes read before that.
        received: u64,
    },
    /// The response ended before, or went past, the length it had announced.
    #[error("the response has {received} bytes, but its content-length is {announced}")]
    Length {
        /// `content-length`.
        announced: u64,
        /// Body bytes read.
        received: u64,
    },
    /// The response is malformed (RFC 9114, section 4.1.2), or has more than a thousand empty DATA
    /// frames in a row.
    #[error("the server's response is malformed")]
    Malformed,
    /// The request made no progress for too long on a live connection: the server took nothing of
    /// its body, and nothing of the response came.
    #[error(
        "no progress for {after:?}, after {received} bytes of the response: the server is there, but \
         sends nothing more; ask again, or allow it more time"
    )]
    Stalled {
        /// The time waited.
        after: Duration,
        /// Body bytes read before that.
        received: u64,
    },
    /// The server is going away, and did not process the request.
    #[error("the server is shutting down and did not answer; ask again on a new connection")]
    GoingAway,
    /// The request is not valid. Nothing was sent.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// The transport could not carry the request.
    #[error("the request can't be sent: {0}")]
    Send(quiche::h3::Error),
}

fn quoted(reason: &str) -> String {
    match reason {
        "" => String::new(),
        reason => format!(": \"{}\"", Printable(reason)),
    }
}

fn reset_hint(code: u64) -> &'static str {
    match code {
        0x102 => ", internal error: the file may have changed meanwhile",
        0x10b => ", rejected: ask again",
        _ => "",
    }
}

/// The alerts a QUIC handshake can end with (RFC 8446, section 6).
fn alert_name(alert: u8) -> &'static str {
    match alert {
        10 => "unexpected message",
        40 => "handshake failure",
        42 => "bad certificate",
        43 => "unsupported certificate",
        44 => "certificate revoked",
        45 => "certificate expired",
        46 => "certificate unknown",
        47 => "illegal parameter",
        48 => "unknown authority",
        50 => "decode error",
        51 => "decrypt error",
        70 => "protocol version",
        80 => "internal error",
        109 => "missing extension",
        112 => "unrecognized name",
        116 => "certificate required",
        120 => "no application protocol",
        _ => "see RFC 8446, section 6",
    }
}

fn alert_hint(alert: u8) -> &'static str {
    match alert {
        112 => ": it has no certificate for that name",
        116 => ": it wants a certificate from the client",
        120 => ": it speaks QUIC, but not the requested protocol",
        _ => "",
    }
}

//! `Ending`: how a connection ended, from quiche's state and what the client knows.

use std::ops::Range;
use std::time::Duration;

use quiche::h3;

use super::certificate::CertificateProblem;
use super::config::ClientConfig;
use super::failure::{ConnectionEnd, ErrorLayer};
use crate::quic::QuicConnection;

/// QUIC error codes that are TLS alerts (RFC 9001, section 4.8).
const TLS_ALERTS: Range<u64> = 0x100..0x200;

/// What the client knows about the end beyond quiche's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Open,
    ClosedByUs,
    HandshakeExpired,
    WrongVersion,
    /// The end was reported.
    Told,
}

/// Reports the end of a connection, once.
#[derive(Debug)]
pub(super) struct Ending {
    verdict: Verdict,
    pub(super) server_name: String,
    pub(super) handshake_timeout: Duration,
    pub(super) idle_timeout: Duration,
}

impl Ending {
    pub(super) fn new(config: &ClientConfig) -> Self {
        Self {
            verdict: Verdict::Open,
            server_name: config.server_name.clone(),
            handshake_timeout: config.handshake_timeout,
            idle_timeout: config.transport.idle_timeout,
        }
    }

    /// Records a verdict; the first one counts.
    pub(super) fn note(&mut self, verdict: Verdict) {
        if self.verdict == Verdict::Open {
            self.verdict = verdict;
        }
    }

    /// How the connection ended. Returned once, when everything that came before the end was read.
    pub(super) fn tell(&mut self, quic: &mut QuicConnection) -> Option<ConnectionEnd> {
        if self.verdict == Verdict::Told || !is_over(quic) {
            return None;
        }
        let ended_here = quic.local_error().is_some();
        if quic.is_readable() && !ended_here && !quic.is_closed() {
            return None;
        }
        let end = self.how(quic);
        self.verdict = Verdict::Told;
        Some(end)
    }

    fn how(&self, quic: &mut QuicConnection) -> ConnectionEnd {
        let established = quic.is_established();
        let after = match established {
            true => self.idle_timeout,
            false => self.handshake_timeout,
        };
        match self.verdict {
            Verdict::ClosedByUs => return ConnectionEnd::ByUs,
            Verdict::WrongVersion => return ConnectionEnd::Version,
            Verdict::HandshakeExpired if quic.stats().recv == 0 => {
                return ConnectionEnd::Unreachable { after };
            }
            Verdict::HandshakeExpired => return ConnectionEnd::HandshakeTimeout { after },
            Verdict::Open | Verdict::Told => {}
        }
        if let Some(error) = quic.peer_error() {
            return by_server(error, layer(quic, error.is_app));
        }
        if quic.is_timed_out() {
            return match established {
                true => self.by_idleness(quic),
                false => ConnectionEnd::Unreachable {
                    after: self.idle_timeout,
                },
            };
        }
        match quic.local_error().map(|e| (e.is_app, e.error_code)) {
            Some((false, code)) if TLS_ALERTS.contains(&code) => self.by_tls(quic, code),
            Some((is_app, code)) => ConnectionEnd::Protocol {
                layer: layer(quic, is_app),
                code,
            },
            None => ConnectionEnd::Reset,
        }
    }

    fn by_idleness(&self, quic: &QuicConnection) -> ConnectionEnd {
        let ours = self.idle_timeout;
        let parameters = quic.peer_transport_params();
        // 0 means none (RFC 9000, section 18.2), also for ours.
        let theirs = parameters.map_or(0, |it| it.max_idle_timeout);
        let theirs = Duration::from_millis(theirs);
        let is_servers = !theirs.is_zero() && (theirs < ours || ours.is_zero());
        ConnectionEnd::IdleTimeout {
            after: if is_servers { theirs } else { ours },
            is_servers,
        }
    }

    fn by_tls(&self, quic: &mut QuicConnection, code: u64) -> ConnectionEnd {
        let leaf = quic.peer_cert().map(<[u8]>::to_vec);
        let ssl = quic.as_mut();
        match CertificateProblem::of(ssl, leaf.as_deref(), &self.server_name) {
            Some(problem) => ConnectionEnd::Certificate(problem),
            None => ConnectionEnd::Tls { alert: alert(code) },
        }
    }
}

/// Whether a connection is closed or closing.
pub(super) fn is_over(quic: &QuicConnection) -> bool {
    quic.is_closed() || quic.is_draining() || quic.local_error().is_some()
}

fn layer(quic: &QuicConnection, is_app: bool) -> ErrorLayer {
    match is_app {
        false => ErrorLayer::Quic,
        true if h3::APPLICATION_PROTOCOL.contains(&quic.application_proto()) => ErrorLayer::Http,
        true => ErrorLayer::Application,
    }
}

fn by_server(error: &quiche::ConnectionError, layer: ErrorLayer) -> ConnectionEnd {
    const REFUSED: u64 = quiche::WireErrorCode::ConnectionRefused as u64;
    const NO_ERROR: u64 = quiche::WireErrorCode::NoError as u64;
    const H3_NO_ERROR: u64 = h3::WireErrorCode::NoError as u64;
    let reason = String::from_utf8_lossy(&error.reason).into_owned();
    match (layer, error.error_code) {
        (ErrorLayer::Quic, NO_ERROR)
        | (ErrorLayer::Http, H3_NO_ERROR)
        // Other protocols have no agreed code; most use 0 for it.
        | (ErrorLayer::Application, 0) => ConnectionEnd::ByServer { reason },
        (ErrorLayer::Quic, REFUSED) => ConnectionEnd::Refused { reason },
        (ErrorLayer::Quic, code) if TLS_ALERTS.contains(&code) => {
            ConnectionEnd::TlsByServer { alert: alert(code) }
        }
        (layer, code) => ConnectionEnd::ErrorByServer {
            layer,
            code,
            reason,
        },
    }
}

/// The TLS alert of a code among [`TLS_ALERTS`]: its low byte.
fn alert(code: u64) -> u8 {
    code.to_le_bytes()[0]
}

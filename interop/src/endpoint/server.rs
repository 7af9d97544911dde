//! The server: HTTP/3 and HTTP/0.9 on one port, as each client's ALPN says.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use xskit_quic::driver::{UdpConfig, UdpDriver};
use xskit_quic::server::{Activity, Close, Peer};
use xskit_quic::{
    Application, Files, Http, HttpConfig, Identity, QuicConnection, Root, Server, ServerConfig,
    SetupError,
};

use super::hq::{Hq, HqSession};
use crate::setting::{PATIENCE, Protocol, Setting};

/// How long a server goes on after SIGTERM, to close its connections.
const GOODBYE: Duration = Duration::from_millis(500);

const PROTOCOLS: &[&[u8]] = &[
    Protocol::Http3.name().as_bytes(),
    Protocol::Hq.name().as_bytes(),
];

pub(super) fn run(setting: &Setting) -> anyhow::Result<Option<()>> {
    let mut config = ServerConfig::new(Identity::from_pem_files(&setting.chain(), &setting.key())?);
    config.handshake_timeout = PATIENCE;
    config.transport.idle_timeout = PATIENCE;
    config.diagnostics = super::diagnostics(setting)?;
    match setting.case.as_str() {
        "handshake" | "transfer" | "http3" | "multiconnect" | "chacha20" | "resumption"
        | "versionnegotiation" => {}
        "retry" => config.retry_above_half_open = 0,
        "zerortt" => config.early_data = true,
        _ => return Ok(None),
    }
    let mut server = Server::new(&config, Either::new(setting)?, Instant::now())?;
    let mut driver = UdpDriver::new(UdpSocket::bind(setting.listen)?, UdpConfig::default())?;
    let is_over = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&is_over))?;
    }
    let mut deadline = None;
    while deadline.is_none_or(|at| Instant::now() < at && !server.is_drained()) {
        if deadline.is_none() && is_over.load(Ordering::Relaxed) {
            deadline = Some(Instant::now() + GOODBYE);
            server.close_all(Instant::now());
        }
        let is_more = driver.turn(&mut server)?;
        driver.rest(&mut server, is_more, Duration::from_millis(20))?;
    }
    let connections = server.stats().connections;
    let seen = &server.application().seen;
    let report = json!({
        "connections": connections.established,
        "early": connections.early,
        "migrations": connections.migrations,
        "resumed": seen.resumed,
        "chacha20": seen.chacha20,
    });
    println!("{report}");
    Ok(Some(()))
}

/// What our end saw of its connections.
#[derive(Debug, Default)]
struct Seen {
    resumed: u64,
    chacha20: u64,
}

/// Both protocols.
struct Either {
    http: Http<Files>,
    hq: Hq,
    seen: Seen,
}

enum Session {
    Http(Box<<Http<Files> as Application>::Session>),
    Hq(HqSession),
}

impl Either {
    fn new(setting: &Setting) -> Result<Self, SetupError> {
        let files = Files::new(Root::open(&setting.www)?);
        Ok(Self {
            http: Http::new(files, &HttpConfig::default())?,
            hq: Hq::new(&setting.www),
            seen: Seen::default(),
        })
    }
}

impl Application for Either {
    type Session = Session;

    fn protocols(&self) -> &[&[u8]] {
        PROTOCOLS
    }

    fn prepare(&mut self, config: &ServerConfig) -> Result<(), SetupError> {
        self.http.prepare(config)
    }

    fn takes_early_data(&self) -> bool {
        true
    }

    fn begin(
        &mut self,
        quic: &mut QuicConnection,
        peer: &Peer,
        now: Instant,
    ) -> Result<Session, Close> {
        self.seen.resumed += u64::from(quic.is_resumed());
        let cipher = quic.as_mut().current_cipher();
        let is_chacha20 = cipher.is_some_and(|cipher| cipher.name().contains("CHACHA20"));
        self.seen.chacha20 += u64::from(is_chacha20);
        if quic.application_proto() == Protocol::Hq.name().as_bytes() {
            return Ok(Session::Hq(HqSession::default()));
        }
        let session = self.http.begin(quic, peer, now)?;
        Ok(Session::Http(Box::new(session)))
    }

    fn service(
        &mut self,
        session: &mut Session,
        quic: &mut QuicConnection,
        now: Instant,
    ) -> Activity {
        match session {
            Session::Http(session) => self.http.service(session, quic, now),
            Session::Hq(session) => self.hq.service(session, quic),
        }
    }

    fn resume(&mut self, session: &mut Session, stream: u64) {
        if let Session::Http(session) = session {
            self.http.resume(session, stream);
        }
    }

    fn drain(&mut self, session: &mut Session) {
        if let Session::Http(session) = session {
            self.http.drain(session);
        }
    }

    fn end(&mut self, session: Session, now: Instant) {
        if let Session::Http(session) = session {
            self.http.end(*session, now);
        }
    }
}

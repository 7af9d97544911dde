//! The server: files over HTTP/3.

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

use crate::setting::{PATIENCE, Setting};

/// How long a server goes on after SIGTERM, to close its connections.
const GOODBYE: Duration = Duration::from_millis(500);

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
    let files = Files::new(Root::open(&setting.www)?);
    let observed = Observed {
        http: Http::new(files, &HttpConfig::default())?,
        resumed: 0,
        chacha20: 0,
    };
    let mut server = Server::new(&config, observed, Instant::now())?;
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
    let observed = server.application();
    let report = json!({
        "connections": connections.established,
        "early": connections.early,
        "migrations": connections.migrations,
        "resumed": observed.resumed,
        "chacha20": observed.chacha20,
    });
    println!("{report}");
    Ok(Some(()))
}

/// Files over HTTP/3, with counts of connections by their handshakes.
struct Observed {
    http: Http<Files>,
    resumed: u64,
    chacha20: u64,
}

impl Application for Observed {
    type Session = <Http<Files> as Application>::Session;

    fn protocols(&self) -> &[&[u8]] {
        self.http.protocols()
    }

    fn prepare(&mut self, config: &ServerConfig) -> Result<(), SetupError> {
        self.http.prepare(config)
    }

    fn takes_early_data(&self) -> bool {
        self.http.takes_early_data()
    }

    fn begin(
        &mut self,
        quic: &mut QuicConnection,
        peer: &Peer,
        now: Instant,
    ) -> Result<Self::Session, Close> {
        self.resumed += u64::from(quic.is_resumed());
        let cipher = quic.as_mut().current_cipher();
        let is_chacha20 = cipher.is_some_and(|cipher| cipher.name().contains("CHACHA20"));
        self.chacha20 += u64::from(is_chacha20);
        self.http.begin(quic, peer, now)
    }

    fn service(
        &mut self,
        session: &mut Self::Session,
        quic: &mut QuicConnection,
        now: Instant,
    ) -> Activity {
        self.http.service(session, quic, now)
    }

    fn resume(&mut self, session: &mut Self::Session, stream: u64) {
        self.http.resume(session, stream);
    }

    fn drain(&mut self, session: &mut Self::Session) {
        self.http.drain(session);
    }

    fn end(&mut self, session: Self::Session, now: Instant) {
        self.http.end(session, now);
    }
}

//! `Fetch`: files over one connection, by HTTP/3 or by HTTP/0.9.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use xskit_quic::client::{ClientEvent, Connection, RequestId, Ticket};
use xskit_quic::{Client, ClientConfig, Endpoint, SetupError, quiche};

use crate::setting::{self, Setting, Url};

const PIECE_BYTES: usize = 64 << 10;

pub(super) trait Fetch {
    type Connection: Endpoint<LinkPath = ()>;

    fn connection(&mut self) -> &mut Self::Connection;
    /// Sends requests, and reads responses; saves complete files. Returns whether there is
    /// something to send.
    fn advance(&mut self, setting: &Setting) -> anyhow::Result<bool>;
    fn is_done(&self) -> bool;
    fn ticket(&self) -> Option<Ticket>;
    fn is_resumed(&self) -> bool;
    /// Whether a request was sent before the handshake was complete.
    fn is_early(&self) -> bool;
    fn close(&mut self);
}

/// By HTTP/3.
pub(super) struct Http3 {
    client: Client<()>,
    open: BTreeMap<RequestId, (Url, Vec<u8>)>,
}

impl Http3 {
    pub(super) fn new(
        config: &ClientConfig,
        local: SocketAddr,
        peer: SocketAddr,
        urls: &[Url],
        now: Instant,
    ) -> Result<Self, SetupError> {
        let mut client = Client::new(config, local, peer, (), now)?;
        let ask = |url: &Url| (client.get(&url.path, None), (url.clone(), Vec::new()));
        let open = urls.iter().map(ask).collect();
        Ok(Self { client, open })
    }
}

impl Fetch for Http3 {
    type Connection = Client<()>;

    fn connection(&mut self) -> &mut Client<()> {
        &mut self.client
    }

    fn advance(&mut self, setting: &Setting) -> anyhow::Result<bool> {
        let mut is_new = false;
        while let Some(event) = self.client.poll_event() {
            is_new = true;
            match event {
                ClientEvent::Response(id, head) => {
                    let url = self.open.get(&id).map(|(url, _)| &url.path);
                    ensure!(head.status == 200, "{url:?}: status {}", head.status);
                }
                ClientEvent::Body(id) => {
                    let (_, content) = self.open.get_mut(&id).context("no such request")?;
                    let mut piece = vec![0; PIECE_BYTES];
                    while let len @ 1.. = self.client.read_body(id, &mut piece) {
                        content.extend_from_slice(&piece[..len]);
                    }
                }
                ClientEvent::Finished(id) => {
                    let (url, content) = self.open.remove(&id).context("no such request")?;
                    setting.save(&url, &content)?;
                }
                ClientEvent::Failed(id, error) => bail!("{:?}: {error}", self.open.get(&id)),
                ClientEvent::Closed(end) => bail!("{end}"),
                _ => {}
            }
        }
        Ok(is_new)
    }

    fn is_done(&self) -> bool {
        self.open.is_empty() && self.client.is_connected()
    }

    fn ticket(&self) -> Option<Ticket> {
        self.client.ticket()
    }

    fn is_resumed(&self) -> bool {
        self.client.is_resumed()
    }

    fn is_early(&self) -> bool {
        self.client.stats().early_requests > 0
    }

    fn close(&mut self) {
        self.client.close(Instant::now());
    }
}

/// By HTTP/0.9.
pub(super) struct Hq {
    connection: Connection<()>,
    /// Not requested yet, the next one last.
    waiting: Vec<Url>,
    /// The unsent rest of a request's line.
    asking: Option<(Vec<u8>, Url)>,
    open: BTreeMap<u64, (Url, Vec<u8>)>,
    next_stream: u64,
    asked_early: bool,
}

impl Hq {
    pub(super) fn new(
        config: &ClientConfig,
        local: SocketAddr,
        peer: SocketAddr,
        urls: &[Url],
        now: Instant,
    ) -> Result<Self, SetupError> {
        let name = setting::Protocol::Hq.name().as_bytes();
        let mut connection = Connection::new(config, &[name], local, peer, (), now)?;
        connection.set_waiting(true);
        Ok(Self {
            connection,
            waiting: urls.iter().rev().cloned().collect(),
            asking: None,
            open: BTreeMap::new(),
            next_stream: 0,
            asked_early: false,
        })
    }

    /// Requests as many as the server's limit and the congestion window allow.
    fn ask(&mut self) -> anyhow::Result<bool> {
        let quic = self.connection.quic();
        let is_early = quic.is_in_early_data();
        if !is_early && !quic.is_established() {
            return Ok(false);
        }
        let mut is_new = false;
        loop {
            if self.asking.is_none() && quic.peer_streams_left_bidi() > 0 {
                let line = |url: Url| (format!("GET {}\r\n", url.path).into_bytes(), url);
                self.asking = self.waiting.pop().map(line);
            }
            let Some((line, _)) = &mut self.asking else {
                break;
            };
            match quic.stream_send(self.next_stream, line, true) {
                Ok(sent) => line.drain(..sent),
                Err(quiche::Error::Done) => break,
                Err(error) => return Err(error).context("a request can't be sent"),
            };
            (self.asked_early, is_new) = (self.asked_early || is_early, true);
            // If not empty, the window is full, and the rest follows later.
            let asked = self.asking.take_if(|(line, _)| line.is_empty());
            let Some((_, url)) = asked else {
                break;
            };
            self.open.insert(self.next_stream, (url, Vec::new()));
            self.next_stream += 4;
        }
        if is_new {
            self.connection.flush();
        }
        Ok(is_new)
    }
}

impl Fetch for Hq {
    type Connection = Connection<()>;

    fn connection(&mut self) -> &mut Connection<()> {
        &mut self.connection
    }

    fn advance(&mut self, setting: &Setting) -> anyhow::Result<bool> {
        let is_new = self.ask()?;
        let mut piece = vec![0; PIECE_BYTES];
        let quic = self.connection.quic();
        for id in quic.readable() {
            let Some((url, content)) = self.open.get_mut(&id) else {
                continue;
            };
            loop {
                match quic.stream_recv(id, &mut piece) {
                    Ok((len, is_all)) => {
                        content.extend_from_slice(&piece[..len]);
                        if is_all {
                            setting.save(url, content)?;
                            self.open.remove(&id);
                            break;
                        }
                    }
                    Err(quiche::Error::Done) => break,
                    Err(error) => bail!("{}: {error}", url.path),
                }
            }
        }
        if let Some(end) = self.connection.poll_end() {
            bail!("{end}");
        }
        Ok(is_new)
    }

    fn is_done(&self) -> bool {
        let is_asked = self.waiting.is_empty() && self.asking.is_none();
        is_asked && self.open.is_empty() && self.connection.is_established()
    }

    fn ticket(&self) -> Option<Ticket> {
        self.connection.ticket()
    }

    fn is_resumed(&self) -> bool {
        self.connection.is_resumed()
    }

    fn is_early(&self) -> bool {
        self.asked_early
    }

    fn close(&mut self) {
        self.connection.close(0, b"");
    }
}

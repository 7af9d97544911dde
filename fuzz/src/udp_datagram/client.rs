//! A client under attack, and what must hold of it after every operation.

use std::net::SocketAddr;

use xskit_quic::Endpoint;
use xskit_quic::client::{ClientEvent, RequestId, Trust};
use xskit_quic::{Client, ClientConfig};
use xskit_wire::LinkPath;

use super::party::{Clock, FILE, LINK, MAX_DATAGRAMS, NAME, Sent, content, pki, server_addr};

/// A client that asks for [`FILE`], and its clock.
pub(super) struct ClientParty {
    pub(super) client: Client<LinkPath>,
    pub(super) clock: Clock,
    pub(super) local: SocketAddr,
    request: RequestId,
    reading: Vec<u8>,
    /// The whole file, once it has arrived.
    body: Option<Vec<u8>>,
}

impl ClientParty {
    pub(super) fn new(local: SocketAddr) -> Self {
        let (authority, _) = pki();
        let config = ClientConfig::new(NAME, 443, Trust::Pem(authority.clone()));
        let clock = Clock::default();
        let client = Client::new(&config, local, server_addr(), LINK, clock.now());
        let mut client = client.expect("the configuration is sound");
        let request = client.get(FILE, None);
        Self {
            client,
            clock,
            local,
            request,
            reading: Vec::new(),
            body: None,
        }
    }

    pub(super) fn take(&mut self, mut payload: Vec<u8>, from: SocketAddr) {
        let now = self.clock.now();
        self.client
            .handle_datagram(now, &mut payload, from, self.local, LINK);
    }

    /// Takes events, bodies and everything that the client has to send.
    pub(super) fn drain(&mut self) -> Vec<Sent> {
        self.events();
        let mut out = [0; 2048];
        let mut drained = Vec::new();
        while let Some(sent) = self.client.poll_transmit(self.clock.now(), &mut out) {
            assert!(
                drained.len() < MAX_DATAGRAMS,
                "one operation, endless answers: {:?}",
                self.client.stats()
            );
            assert_eq!((sent.from, sent.link), (self.local, LINK));
            drained.push(Sent {
                from: sent.from,
                to: sent.to,
                payload: out[..sent.len].to_vec(),
            });
        }
        drained
    }

    fn events(&mut self) {
        let mut buf = [0; 4096];
        let mut closed = false;
        for count in 0.. {
            let Some(event) = self.client.poll_event() else {
                return;
            };
            assert!(count < MAX_DATAGRAMS, "endless events, now {event:?}");
            assert!(!closed, "{event:?} after the last event");
            match event {
                ClientEvent::Body(id) => loop {
                    let read = self.client.read_body(id, &mut buf);
                    if read == 0 {
                        break;
                    }
                    self.reading.extend_from_slice(&buf[..read]);
                },
                ClientEvent::Finished(id) if id == self.request => {
                    self.body = Some(std::mem::take(&mut self.reading));
                }
                ClientEvent::Closed(_) => closed = true,
                _ => {}
            }
        }
    }

    /// Whether the whole response has arrived.
    pub(super) fn is_done(&self) -> bool {
        self.body.is_some()
    }

    /// Checks that an honest server sent the file, or nothing.
    pub(super) fn has_the_file_or_nothing(&self) {
        if let Some(body) = &self.body {
            assert_eq!(body, content());
        }
    }
}

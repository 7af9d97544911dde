//! A client of the world, and what it has reported.

use std::collections::HashMap;
use std::net::SocketAddr;

use xskit_quic::Client;
use xskit_quic::client::{ClientEvent, ConnectionEnd, RequestError, RequestId, ResponseHead};

/// A client and everything that it has reported.
pub(crate) struct Peer {
    pub(crate) client: Client<()>,
    /// Its address on the wire. A NAT that moves a binding changes it.
    pub(crate) address: SocketAddr,
    /// Earlier addresses that still receive.
    formerly: Vec<SocketAddr>,
    /// Its local address.
    pub(crate) local: SocketAddr,
    /// Read bodies as they arrive.
    pub(crate) reading: bool,
    pub(crate) connected: bool,
    pub(crate) heads: HashMap<RequestId, ResponseHead>,
    pub(crate) bodies: HashMap<RequestId, Vec<u8>>,
    pub(crate) interim: Vec<(RequestId, ResponseHead)>,
    pub(crate) trailers: HashMap<RequestId, Vec<(String, String)>>,
    /// Streamed bodies with a `Room` event.
    pub(crate) rooms: Vec<RequestId>,
    pub(crate) refused: Vec<RequestId>,
    pub(crate) finished: Vec<RequestId>,
    pub(crate) failed: Vec<(RequestId, RequestError)>,
    pub(crate) end: Option<ConnectionEnd>,
}

impl Peer {
    pub(super) fn new(client: Client<()>, address: SocketAddr) -> Self {
        Self {
            client,
            address,
            formerly: Vec::new(),
            local: address,
            reading: true,
            connected: false,
            heads: HashMap::new(),
            bodies: HashMap::new(),
            interim: Vec::new(),
            trailers: HashMap::new(),
            rooms: Vec::new(),
            refused: Vec::new(),
            finished: Vec::new(),
            failed: Vec::new(),
            end: None,
        }
    }

    /// Changes the port on the wire. What is sent to the old one still arrives.
    pub(crate) fn move_to(&mut self, port: u16) {
        self.formerly.push(self.address);
        self.address.set_port(port);
    }

    /// Moves the NAT's binding. What is in flight to the old address is lost.
    pub(crate) fn rebind(&mut self, address: SocketAddr) {
        self.address = address;
    }

    /// Changes the client's local address, and tells it.
    pub(crate) fn relocate(&mut self, address: SocketAddr) {
        (self.local, self.address) = (address, address);
        self.client.set_local(address);
    }

    pub(super) fn is_at(&self, address: SocketAddr) -> bool {
        self.address == address || self.formerly.contains(&address)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.end.is_some() || self.finished.len() + self.failed.len() == self.heads_or_failures()
    }

    /// Requests that were answered, or failed unanswered.
    fn heads_or_failures(&self) -> usize {
        let unanswered = self
            .failed
            .iter()
            .filter(|(id, _)| !self.heads.contains_key(id));
        (self.heads.len() + unanswered.count()).max(1)
    }

    pub(crate) fn take(&mut self, id: RequestId) -> (u16, Vec<u8>) {
        assert_eq!((&self.end, &self.failed), (&None, &vec![]));
        assert!(self.finished.contains(&id), "not finished");
        (
            self.heads[&id].status,
            self.bodies.remove(&id).unwrap_or_default(),
        )
    }

    pub(crate) fn drain_events(&mut self) {
        while let Some(event) = self.client.poll_event() {
            assert_eq!(self.end, None, "an event after the last");
            match event {
                ClientEvent::Connected => self.connected = true,
                ClientEvent::Response(id, head) => {
                    self.heads.insert(id, head);
                }
                ClientEvent::Body(id) if self.reading => self.read(id),
                ClientEvent::Body(_) => {}
                ClientEvent::Finished(id) => self.finished.push(id),
                ClientEvent::Failed(id, error) => self.failed.push((id, error)),
                ClientEvent::Closed(end) => self.end = Some(end),
                ClientEvent::Interim(id, head) => self.interim.push((id, head)),
                ClientEvent::Trailers(id, trailers) => {
                    assert!(self.trailers.insert(id, trailers).is_none());
                }
                ClientEvent::Room(id) => self.rooms.push(id),
                ClientEvent::BodyRefused(id) => self.refused.push(id),
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) fn read(&mut self, id: RequestId) {
        let mut buf = [0; 16_384];
        loop {
            match self.client.read_body(id, &mut buf) {
                0 => return,
                len => self
                    .bodies
                    .entry(id)
                    .or_default()
                    .extend_from_slice(&buf[..len]),
            }
        }
    }
}

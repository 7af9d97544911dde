//! A server and its clients on a simulated wire: no sockets, one thread, seeded faults.
//!
//! Datagrams move at once; loss, duplication, reordering and an MTU are simulated.
//! Time is the real clock, because quiche reads it itself: when nothing moves, the test sleeps
//! until the next timer of any endpoint. Nothing is ever asserted about how long it took.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastrand::Rng;
use xskit_quic::Endpoint;
use xskit_quic::cert::{self, Authority, Validity};
use xskit_quic::client::{
    ClientEvent, ConnectionEnd, RequestError, RequestId, ResponseHead, Trust,
};
use xskit_quic::{
    Application, Client, ClientConfig, FileServer, Files, Handler, Http, HttpConfig, Identity,
    Root, Server, ServerConfig,
};

pub(crate) const NAME: &str = "server.test";

pub(crate) fn server_addr() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4433))
}

pub(crate) fn random_bytes(rng: &mut Rng, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    rng.fill(&mut bytes);
    bytes
}

/// Faults of the wire, in thousandths of the datagrams.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) delayed: usize,
}

/// A directory that is served, and the bounds of its server.
pub(crate) struct Site {
    root: PathBuf,
    server: ServerConfig,
    pub(crate) http: HttpConfig,
    pub(crate) dotfiles: bool,
}

impl Site {
    pub(crate) fn new(root: impl Into<PathBuf>, identity: Identity) -> Self {
        Self {
            root: root.into(),
            server: ServerConfig::new(identity),
            http: HttpConfig::default(),
            dotfiles: false,
        }
    }

    pub(crate) fn serve<L: Copy + PartialEq>(&self, now: Instant) -> FileServer<L> {
        let root = Root::open(&self.root).unwrap().with_dotfiles(self.dotfiles);
        let http = Http::new(Files::new(root), &self.http).unwrap();
        Server::new(&self.server, http, now).unwrap()
    }
}

impl Deref for Site {
    type Target = ServerConfig;

    fn deref(&self) -> &ServerConfig {
        &self.server
    }
}

impl DerefMut for Site {
    fn deref_mut(&mut self) -> &mut ServerConfig {
        &mut self.server
    }
}

/// An authority, and a server certificate for `NAME` that it has issued.
pub(crate) struct Pki {
    pub(crate) ca: String,
    pub(crate) identity: Identity,
}

impl Pki {
    pub(crate) fn new() -> Self {
        Self::with_names(&[NAME])
    }

    pub(crate) fn with_names(names: &[&str]) -> Self {
        let authority = Authority::new().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let pem = authority.issue(&names, Validity::days(1)).unwrap();
        Self {
            ca: authority.pem(),
            identity: identity(&pem),
        }
    }

    pub(crate) fn client(&self) -> ClientConfig {
        ClientConfig::new(NAME, 4433, Trust::Pem(self.ca.clone()))
    }
}

pub(crate) fn identity(pem: &cert::Pem) -> Identity {
    Identity::from_pem(pem.certificate.as_bytes(), pem.key.as_bytes()).unwrap()
}

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

pub(crate) struct Packet {
    pub(crate) bytes: Vec<u8>,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
}

pub(crate) struct World<A: Application = Http<Files>> {
    pub(crate) server: Server<u16, A>,
    /// Off: the server machine is dead.
    pub(crate) server_lives: bool,
    pub(crate) peers: Vec<Peer>,
    pub(crate) faults: Faults,
    pub(crate) mtu: usize,
    pub(crate) rng: Rng,
    wire: VecDeque<Packet>,
    /// The largest datagram that went over the wire.
    pub(crate) largest: usize,
    /// The largest `body_bytes_held` after any step.
    pub(crate) most_held: usize,
    pub(crate) watch_memory: bool,
    /// Bytes that the application holds in memory.
    held: fn(&A) -> usize,
    /// How far every endpoint's clock is ahead of the real one, which quiche reads.
    pub(crate) ahead: Duration,
}

/// Far longer than any test takes; only there so that a hang has a message.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

impl World {
    pub(crate) fn new(config: &Site) -> Self {
        Self::of_http(config.serve(Instant::now()))
    }

    pub(crate) fn serve(pki: &Pki, root: &Path) -> Self {
        Self::new(&Site::new(root, pki.identity.clone()))
    }
}

impl<H: Handler> World<Http<H>> {
    pub(crate) fn of_http(server: Server<u16, Http<H>>) -> Self {
        Self::of(server, |http| http.common().body_bytes_held())
    }
}

impl<A: Application> World<A> {
    fn of(server: Server<u16, A>, held: fn(&A) -> usize) -> Self {
        Self {
            server,
            server_lives: true,
            peers: Vec::new(),
            faults: Faults::default(),
            mtu: 65_535,
            rng: Rng::with_seed(1),
            wire: VecDeque::new(),
            largest: 0,
            most_held: 0,
            watch_memory: false,
            held,
            ahead: Duration::ZERO,
        }
    }

    fn now(&self) -> Instant {
        Instant::now() + self.ahead
    }

    pub(crate) fn connect(&mut self, config: &ClientConfig) -> usize {
        self.connect_from([198, 51, 100, 7], config)
    }

    pub(crate) fn connect_from(&mut self, host: [u8; 4], config: &ClientConfig) -> usize {
        let port = 10_000 + u16::try_from(self.peers.len()).unwrap();
        let address = SocketAddr::from((host, port));
        let client = Client::new(config, address, server_addr(), (), Instant::now()).unwrap();
        self.peers.push(Peer {
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
        });
        self.peers.len() - 1
    }

    /// Runs until the condition holds.
    pub(crate) fn run(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        loop {
            let moved = self.step();
            if done(self) {
                return;
            }
            if !moved {
                self.wait(what);
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "still waiting for: {what}; {:?}",
                self.server.stats()
            );
        }
    }

    /// A step, or if nothing moves, a wait for the next timer.
    pub(crate) fn advance(&mut self, what: &str) {
        if !self.step() {
            self.wait(what);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let clients = self
            .peers
            .iter()
            .filter_map(|peer| peer.client.poll_timeout());
        let server = self.server.poll_timeout().filter(|_| self.server_lives);
        clients.chain(server).min()
    }

    /// Sleeps until the next timer and lets it fire.
    fn wait(&mut self, what: &str) {
        let due = self.next_timeout();
        let due = due.unwrap_or_else(|| {
            let ends: Vec<_> = self.peers.iter().map(|peer| &peer.end).collect();
            let stats = self.server.stats();
            panic!("nothing will ever happen, waiting for: {what}; {ends:?}; {stats:#?}")
        });
        std::thread::sleep(due.saturating_duration_since(self.now()));
        let now = self.now();
        if self.server_lives {
            self.server.handle_timeout(now);
        }
        for peer in &mut self.peers {
            peer.client.handle_timeout(now);
        }
    }

    /// Every side sends what it has, and receives what is on the wire. False if nothing moved.
    pub(crate) fn step(&mut self) -> bool {
        let moved = self.send_all();
        let count = self.wire.len();
        for _ in 0..count {
            let packet = self.wire.pop_front().unwrap();
            self.deliver(packet);
        }
        if self.watch_memory {
            self.most_held = self.most_held.max((self.held)(self.server.application()));
        }
        moved | (count > 0)
    }

    /// Every side sends what it has; it stays on the wire.
    pub(crate) fn send_all(&mut self) -> bool {
        let mut moved = false;
        for at in 0..self.peers.len() {
            self.peers[at].drain_events();
            moved |= self.send_client(at);
        }
        moved | self.send_server()
    }

    fn send_client(&mut self, at: usize) -> bool {
        let mut out = [0; 16_384];
        let mut any = false;
        let now = self.now();
        while let Some(sent) = self.peers[at].client.poll_transmit(now, &mut out) {
            any = true;
            assert_eq!(sent.from, self.peers[at].local);
            let from = self.peers[at].address;
            self.put(&out[..sent.len], from, sent.to);
        }
        any
    }

    /// A bounded burst, as a driver with a ring would.
    fn send_server(&mut self) -> bool {
        let mut out = [0; 16_384];
        for count in 0..256 {
            if !self.server_lives {
                return false;
            }
            let Some(sent) = self.server.poll_transmit(self.now(), &mut out) else {
                return count > 0;
            };
            assert_eq!(
                sent.link,
                sent.to.port(),
                "answers take the way that the client came"
            );
            self.put(&out[..sent.len], sent.from, sent.to);
        }
        true
    }

    fn put(&mut self, bytes: &[u8], from: SocketAddr, to: SocketAddr) {
        if bytes.len() > self.mtu || self.rng.usize(..1000) < self.faults.lost {
            return;
        }
        self.largest = self.largest.max(bytes.len());
        let packet = || Packet {
            bytes: bytes.to_vec(),
            from,
            to,
        };
        if self.rng.usize(..1000) < self.faults.doubled {
            self.wire.push_back(packet());
        }
        self.wire.push_back(packet());
        if self.rng.usize(..1000) < self.faults.delayed {
            let (last, other) = (self.wire.len() - 1, self.rng.usize(..self.wire.len()));
            self.wire.swap(last, other);
        }
    }

    /// Delivers a packet that no endpoint has sent.
    pub(crate) fn inject(&mut self, bytes: Vec<u8>, from: SocketAddr, to: SocketAddr) {
        self.deliver(Packet { bytes, from, to });
    }

    /// The packets on the wire now.
    pub(crate) fn tap(&self) -> impl Iterator<Item = &Packet> {
        self.wire.iter()
    }

    fn deliver(&mut self, mut packet: Packet) {
        let now = self.now();
        let Packet { bytes, from, to } = &mut packet;
        if *to == server_addr() {
            if self.server_lives {
                // The client's port stands for its MAC address.
                self.server
                    .handle_datagram(now, bytes, *from, *to, from.port());
            }
        } else if let Some(peer) = self.peers.iter_mut().find(|peer| peer.is_at(*to)) {
            peer.client
                .handle_datagram(now, bytes, *from, peer.local, ());
        }
    }

    /// Gets a path with a new client. Returns the status and body.
    pub(crate) fn fetch(&mut self, config: &ClientConfig, path: &str) -> (u16, Vec<u8>) {
        self.fetch_from([198, 51, 100, 7], config, path)
    }

    pub(crate) fn fetch_from(
        &mut self,
        host: [u8; 4],
        config: &ClientConfig,
        path: &str,
    ) -> (u16, Vec<u8>) {
        let at = self.connect_from(host, config);
        let id = self.peers[at].client.get(path, None);
        self.run(path, |world| world.peers[at].is_done());
        self.peers[at].take(id)
    }

    /// Closes all clients, and checks that the server has removed their connections.
    pub(crate) fn close(&mut self) {
        for peer in &mut self.peers {
            peer.client.close(Instant::now());
        }
        if self.faults.lost == 0 {
            self.run("all closed", |world| {
                world.server.stats().connections.active == 0
            });
            let stats = self.server.stats();
            assert_eq!(stats.connections.ids, 0, "{stats:?}");
            assert_eq!(stats.connections.half_open, 0, "{stats:?}");
            assert_eq!((self.held)(self.server.application()), 0);
        }
        self.check_accounts();
    }

    /// Every datagram that the server was given is accounted for.
    pub(crate) fn check_accounts(&self) {
        let stats = self.server.stats();
        let sum = stats.delivered + stats.answered.total() + stats.dropped.total();
        assert_eq!(stats.datagrams_in, sum, "{stats:?}");
    }
}

impl Peer {
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

    fn is_at(&self, address: SocketAddr) -> bool {
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

/// A directory with files of these sizes, named by their size.
pub(crate) fn files(sizes: &[usize]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for size in sizes {
        std::fs::write(dir.path().join(size.to_string()), content(*size)).unwrap();
    }
    dir
}

/// The bytes of the file of that size.
pub(crate) fn content(size: usize) -> Vec<u8> {
    random_bytes(&mut Rng::with_seed(size as u64 + 7), size)
}

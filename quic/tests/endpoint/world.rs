//! A server and its clients on a simulated wire: no sockets, one thread, seeded faults.
//!
//! Datagrams move at once; loss, duplication, reordering and an MTU are simulated.
//! Time is the real clock, because quiche reads it itself: when nothing moves, the test sleeps
//! until the next timer of any endpoint. Nothing is ever asserted about how long it took.

mod peer;
mod site;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fastrand::Rng;
use xskit_quic::client::RequestId;
use xskit_quic::{Application, Client, ClientConfig, Endpoint, Files, Handler, Http, Server};

pub(crate) use peer::Peer;
pub(crate) use site::{NAME, Pki, Site, content, files, identity, random_bytes, serving};

pub(crate) fn server_addr() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4433))
}

/// Faults of the wire, in thousandths of the datagrams.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) delayed: usize,
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
        self.peers.push(Peer::new(client, address));
        self.peers.len() - 1
    }

    /// Connects a client that asks for this path. Returns it and its request.
    pub(crate) fn ask(&mut self, config: &ClientConfig, path: &str) -> (usize, RequestId) {
        let at = self.connect(config);
        (at, self.peers[at].client.get(path, None))
    }

    /// Runs until this client has more than `len` bytes of a body.
    pub(crate) fn run_past(&mut self, at: usize, id: RequestId, len: usize) {
        self.run("a part of a body", |world| {
            let body = world.peers[at].bodies.get(&id);
            body.is_some_and(|body| body.len() > len)
        });
    }

    /// Runs until this client is done, whose request must be answered with the file of this size.
    pub(crate) fn run_to_end(&mut self, at: usize, id: RequestId, size: usize) {
        self.run("the rest", |world| world.peers[at].is_done());
        let (status, body) = self.peers[at].take(id);
        assert_eq!(status, 200);
        assert!(body == content(size), "{size} bytes, got {}", body.len());
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

    /// Gets the file of this size with a new client.
    pub(crate) fn fetch_file(&mut self, config: &ClientConfig, size: usize) {
        let (at, id) = self.ask(config, &format!("/{size}"));
        self.run_to_end(at, id, size);
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

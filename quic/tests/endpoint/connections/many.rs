//! Servers and many clients, which share one wire.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use fastrand::Rng;
use xskit_quic::client::{ClientEvent, ConnectionEnd, Connections, ConnectionsKey, OneConnection};
use xskit_quic::{Client, ClientConfig, Endpoint, FileServer};

use crate::world::{PATIENCE, Packet, Site};

pub(super) fn server_at(number: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, number], 4433))
}

/// Local addresses of clients; some share one.
pub(super) fn local(number: usize) -> SocketAddr {
    let port = 10_000 + u16::try_from(number / 2).unwrap();
    SocketAddr::from(([198, 51, 100, 7], port))
}

/// Servers, and the clients of all of them.
pub(super) struct Many<C> {
    pub(super) servers: Vec<(SocketAddr, FileServer<()>)>,
    pub(super) clients: Connections<C>,
    pub(super) wire: VecDeque<Packet>,
    rng: Rng,
    /// In thousandths of the datagrams.
    pub(super) lost: usize,
}

impl<C: OneConnection<LinkPath = ()>> Many<C> {
    pub(super) fn new(sites: &[&Site]) -> Self {
        let serve = |(number, site): (u8, &&Site)| (server_at(number), site.serve(Instant::now()));
        Self {
            servers: (1..).zip(sites).map(serve).collect(),
            clients: Connections::new(),
            wire: VecDeque::new(),
            rng: Rng::with_seed(3),
            lost: 0,
        }
    }

    /// Delivers or loses datagrams until there are no more. False if nothing moved.
    pub(super) fn exchange(&mut self) -> bool {
        let mut out = [0; 2000];
        let now = Instant::now();
        let mut has_moved = false;
        loop {
            while let Some(sent) = self.clients.poll_transmit(now, &mut out) {
                self.put(&out[..sent.len], sent.from, sent.to);
            }
            for at in 0..self.servers.len() {
                while let Some(sent) = self.servers[at].1.poll_transmit(now, &mut out) {
                    self.put(&out[..sent.len], sent.from, sent.to);
                }
            }
            if self.wire.is_empty() {
                return has_moved;
            }
            has_moved = true;
            while let Some(packet) = self.wire.pop_front() {
                self.deliver(packet);
            }
        }
    }

    pub(super) fn put(&mut self, bytes: &[u8], from: SocketAddr, to: SocketAddr) {
        if self.rng.usize(..1000) >= self.lost {
            let bytes = bytes.to_vec();
            self.wire.push_back(Packet { bytes, from, to });
        }
    }

    pub(super) fn deliver(&mut self, mut packet: Packet) {
        let now = Instant::now();
        let Packet { bytes, from, to } = &mut packet;
        let server = self.servers.iter_mut().find(|(address, _)| address == to);
        match server {
            Some((_, server)) => server.handle_datagram(now, bytes, *from, *to, ()),
            None => self.clients.handle_datagram(now, bytes, *from, *to, ()),
        }
    }

    /// Runs until the condition holds, waiting for timers when nothing moves.
    pub(super) fn run(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let begun = Instant::now();
        loop {
            let has_moved = self.exchange();
            if done(self) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "still waiting for: {what}");
            if has_moved {
                continue;
            }
            let servers = self.servers.iter().map(|(_, server)| server.poll_timeout());
            let timers = servers.chain([self.clients.poll_timeout()]);
            let due = timers.flatten().min();
            let due = due.unwrap_or_else(|| panic!("nothing will ever happen: {what}"));
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let now = Instant::now();
            self.clients.handle_timeout(now);
            for (_, server) in &mut self.servers {
                server.handle_timeout(now);
            }
        }
    }

    pub(super) fn ready(&mut self) -> Vec<ConnectionsKey> {
        std::iter::from_fn(|| self.clients.poll_ready().map(|(key, _)| key)).collect()
    }
}

impl Many<Client<()>> {
    /// Exchanges until no side has anything to send before a timer fires.
    pub(super) fn settle(&mut self) {
        loop {
            let has_moved = self.exchange();
            let ready = self.ready();
            for key in &ready {
                while self.clients.get_mut(*key).unwrap().poll_event().is_some() {}
            }
            if !has_moved && ready.is_empty() {
                return;
            }
        }
    }

    pub(super) fn connect(
        &mut self,
        config: &ClientConfig,
        number: usize,
        server: u8,
    ) -> ConnectionsKey {
        let (local, peer) = (local(number), server_at(server));
        let client = Client::new(config, local, peer, (), Instant::now());
        self.clients.insert(client.unwrap())
    }

    /// Connects `count` clients to the first server.
    pub(super) fn connect_all(
        &mut self,
        config: &ClientConfig,
        count: usize,
    ) -> Vec<ConnectionsKey> {
        let connect = |number| self.connect(config, number, 1);
        let keys: Vec<_> = (0..count).map(connect).collect();
        self.run("all connected", |many| {
            many.clients.iter().all(|(_, client)| client.is_connected())
        });
        self.settle();
        keys
    }

    /// Takes events and body bytes of the connections with news, and of no others. Returns how many
    /// responses are complete.
    pub(super) fn collect(&mut self, bodies: &mut HashMap<ConnectionsKey, Vec<u8>>) -> usize {
        let mut complete = 0;
        let mut chunk = [0; 4096];
        while let Some((key, client)) = self.clients.poll_ready() {
            while let Some(event) = client.poll_event() {
                match event {
                    ClientEvent::Body(id) => loop {
                        match client.read_body(id, &mut chunk) {
                            0 => break,
                            read => {
                                let body = bodies.entry(key).or_default();
                                body.extend_from_slice(&chunk[..read]);
                            }
                        }
                    },
                    ClientEvent::Finished(_) => complete += 1,
                    ClientEvent::Connected | ClientEvent::Response(..) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        complete
    }

    /// How those connections ended that `poll_over` returns.
    pub(super) fn ends(&mut self) -> HashMap<ConnectionsKey, ConnectionEnd> {
        let mut ends = HashMap::new();
        while let Some((key, mut client)) = self.clients.poll_over() {
            assert!(self.clients.get(key).is_none());
            while let Some(event) = client.poll_event() {
                if let ClientEvent::Closed(end) = event {
                    ends.insert(key, end);
                }
            }
        }
        ends
    }

    pub(super) fn datagrams_in(&self) -> u64 {
        let clients = self.clients.iter();
        clients.map(|(_, client)| client.stats().datagrams_in).sum()
    }
}

/// A site with files of these sizes, and that many clients connected to its server.
pub(super) fn connected(
    sizes: &[usize],
    count: usize,
) -> (Site, Many<Client<()>>, Vec<ConnectionsKey>) {
    let site = Site::new(sizes);
    let mut many = Many::new(&[&site]);
    let keys = many.connect_all(&site.client(), count);
    (site, many, keys)
}

//! A server's cost per packet by the number of connections and of workers:
//! `cargo bench --bench connections`.
//!
//! Servers and clients are in one thread, and datagrams move at once. Only the servers' calls are
//! timed, by the CPU time of the thread, and only what they allocate is counted. A round asks for
//! the same number of answers in each world; a ratio is within one round.

// The allocator counts.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use xskit_benches::spread::Spread;
use xskit_quic::Endpoint;
use xskit_quic::cert::{Authority, Validity};
use xskit_quic::client::{ClientEvent, Trust};
use xskit_quic::{
    Client, ClientConfig, Handler, Http, HttpCommon, HttpConfig, Identity, Reply, Request,
    Response, Server, ServerConfig, Worker,
};

/// Connections of the large worlds.
const MANY: usize = 10_000;
/// Rounds, and answers of each.
const ROUNDS: usize = 15;
const ANSWERS: usize = 2_000;
/// Bytes of an answer: about 12 datagrams.
const ANSWER_LEN: usize = 16 << 10;
/// Answers of each connection before the first round.
const WARM_UP: usize = 4;
/// With several workers, one request in this many arrives at a worker that is not its connection's.
const ASTRAY: usize = 8;

const NAME: &str = "server.test";
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// Counts allocated bytes while it is on.
struct Counting;

thread_local! {
    static COUNTS: Cell<bool> = const { Cell::new(false) };
    static BYTES: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    if COUNTS.get() {
        BYTES.set(BYTES.get() + bytes);
    }
}

// SAFETY: every call is the system allocator's, with what it was called with; counting neither
// allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as this function's caller has promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as this function's caller has promised.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        count(len.cast_signed() - layout.size().cast_signed());
        // SAFETY: as this function's caller has promised.
        unsafe { System.realloc(memory, layout, len) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs a server's call, and returns its result, its CPU time and the bytes that it keeps.
fn measured<T>(run: impl FnOnce() -> T) -> (T, Duration, isize) {
    let (begin, before) = (cpu_time(), BYTES.get());
    COUNTS.set(true);
    let result = run();
    COUNTS.set(false);
    (result, cpu_time() - begin, BYTES.get() - before)
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

/// Answers each request with the same bytes.
struct Same(bytes::Bytes);

impl Handler for Same {
    type Exchange = ();

    fn request(&mut self, _: &Request<'_>, reply: &mut Reply<'_>) {
        reply.respond(Response::new(200).body(self.0.clone()));
    }
}

struct Peer {
    client: Client<()>,
    address: SocketAddr,
    worker: usize,
}

/// The servers of one port, and their clients.
struct World {
    servers: Vec<Server<(), Http<Same>>>,
    peers: Vec<Peer>,
    next: usize,
    spent: Duration,
    datagrams: u64,
    kept_bytes: isize,
}

fn server_address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 443))
}

impl World {
    fn new(workers: usize, connections: usize) -> Self {
        let authority = Authority::new().expect("an authority");
        let pem = authority.issue(&[NAME.to_owned()], Validity::days(1));
        let pem = pem.expect("a certificate");
        let identity = Identity::from_pem(pem.certificate.as_bytes(), pem.key.as_bytes());
        let mut config = ServerConfig::new(identity.expect("that certificate"));
        config.max_connections = 2 * MANY;
        config.request_timeout = FOREVER;
        config.transport.idle_timeout = FOREVER;
        let common = HttpCommon::new(&HttpConfig::default());
        let answer = Same(vec![7; ANSWER_LEN].into());
        let team = Worker::team(&config, workers, Instant::now()).expect("workers");
        let server = |worker| {
            let http = Http::for_worker(Same(answer.0.clone()), common.clone());
            Server::for_worker(&config, worker, http.expect("HTTP")).expect("a server")
        };
        let mut world = Self {
            servers: team.into_iter().map(server).collect(),
            peers: Vec::new(),
            next: 0,
            spent: Duration::ZERO,
            datagrams: 0,
            kept_bytes: 0,
        };
        let mut config = ClientConfig::new(NAME, 443, Trust::Pem(authority.pem()));
        config.transport.idle_timeout = FOREVER;
        for number in 0..connections {
            world.connect(number, &config);
        }
        // Path MTU discovery, and whatever else happens once.
        for _ in 0..WARM_UP * connections {
            world.ask(false);
        }
        world
    }

    fn connect(&mut self, number: usize, config: &ClientConfig) {
        let [.., a, b, c] = number.to_be_bytes();
        let address = SocketAddr::from(([10, a, b, c], 5000));
        let client = Client::new(config, address, server_address(), (), Instant::now());
        self.peers.push(Peer {
            client: client.expect("a client"),
            address,
            worker: number % self.servers.len(),
        });
        let worker = self.peers[number].worker;
        while !self.peers[number].client.is_connected() {
            self.exchange(number, worker);
        }
        // The rest of the handshake.
        self.exchange(number, worker);
    }

    /// The next client sends a request and receives the answer.
    fn ask(&mut self, is_astray: bool) {
        let number = self.next;
        self.next = (number + 1) % self.peers.len();
        let peer = &mut self.peers[number];
        let worker = (peer.worker + usize::from(is_astray)) % self.servers.len();
        let id = peer.client.get("/", None);
        let (mut len, mut buffer) = (0, vec![0; ANSWER_LEN]);
        loop {
            self.exchange(number, worker);
            let client = &mut self.peers[number].client;
            while let Some(event) = client.poll_event() {
                match event {
                    ClientEvent::Body(_) => loop {
                        match client.read_body(id, &mut buffer) {
                            0 => break,
                            read => len += read,
                        }
                    },
                    ClientEvent::Finished(_) => {
                        assert_eq!(len, ANSWER_LEN);
                        return self.exchange(number, worker);
                    }
                    ClientEvent::Failed(_, error) => panic!("{error}"),
                    ClientEvent::Closed(end) => panic!("{end}"),
                    _ => {}
                }
            }
        }
    }

    /// Moves the client's datagrams to a worker, and all workers' datagrams to the client.
    fn exchange(&mut self, number: usize, worker: usize) {
        let mut buffer = [0; 2000];
        let now = Instant::now();
        let peer = &mut self.peers[number];
        peer.client.handle_timeout(now);
        while let Some(sent) = peer.client.poll_transmit(now, &mut buffer) {
            let (server, from) = (&mut self.servers[worker], peer.address);
            let datagram = &mut buffer[..sent.len];
            let take = || server.handle_datagram(now, datagram, from, server_address(), ());
            let ((), spent, kept) = measured(take);
            self.spent += spent;
            self.kept_bytes += kept;
            self.datagrams += 1;
        }
        for server in &mut self.servers {
            loop {
                let step = || {
                    server.take_over(now);
                    if server.poll_timeout().is_some_and(|at| at <= now) {
                        server.handle_timeout(now);
                    }
                    server.poll_transmit(now, &mut buffer)
                };
                let (sent, spent, kept) = measured(step);
                self.spent += spent;
                self.kept_bytes += kept;
                let Some(sent) = sent else { break };
                self.datagrams += 1;
                if sent.to == peer.address {
                    let (from, to) = (sent.from, sent.to);
                    peer.client
                        .handle_datagram(now, &mut buffer[..sent.len], from, to, ());
                }
            }
        }
    }

    /// CPU time of the servers per datagram of a round.
    fn round(&mut self) -> f64 {
        (self.spent, self.datagrams) = (Duration::ZERO, 0);
        for number in 0..ANSWERS {
            let is_astray = self.servers.len() > 1 && number % ASTRAY == 0;
            self.ask(is_astray);
        }
        self.spent.as_secs_f64() * 1e9 / self.datagrams as f64
    }
}

fn main() {
    let mut worlds = [
        ("1 connection, 1 worker", World::new(1, 1)),
        ("10,000 connections, 1 worker", World::new(1, MANY)),
        ("4 connections, 4 workers", World::new(4, 4)),
    ];
    let kept = worlds[1].1.kept_bytes / MANY.cast_signed();
    let mut costs = vec![Vec::new(); worlds.len()];
    for _ in 0..ROUNDS {
        for ((_, world), costs) in worlds.iter_mut().zip(&mut costs) {
            costs.push(world.round());
        }
    }
    println!("| server | CPU ns per datagram | to the first |");
    println!("| --- | ---: | ---: |");
    for ((name, _), of) in worlds.iter().zip(&costs) {
        let [cost, ratio] = [
            Spread::of(of.iter().copied()),
            Spread::of_ratios(of, &costs[0]),
        ];
        println!(
            "| {name} | {:.0} ({:.0} to {:.0}) | {:.2} ({:.2} to {:.2}) |",
            cost.median, cost.p10, cost.p90, ratio.median, ratio.p10, ratio.p90
        );
    }
    println!(
        "\nAn idle connection keeps {kept} bytes on the heap of its server, quiche's included."
    );
}

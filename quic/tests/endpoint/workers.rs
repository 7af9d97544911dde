//! Several servers of one port, and packets that arrive at the wrong one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use quiche::h3;
use tempfile::TempDir;
use xskit_quic::Endpoint;
use xskit_quic::server::{
    ConnectionIdError, ConnectionIdFormat, HostBits, Katran, QuicLb, RandomIds, ServerStats,
};
use xskit_quic::{
    FileServer, Files, Http, HttpCommon, HttpConfig, Root, Server, ServerConfig, Worker,
};

use super::raw::{client_config, headers, request};
use super::world::{NAME, Pki, content, files, server_addr};

pub(crate) struct Team {
    pub(crate) servers: Vec<FileServer<()>>,
    /// How often each worker was woken.
    woken: Vec<Arc<AtomicUsize>>,
    pub(crate) now: Instant,
    /// What all of them serve.
    _dir: TempDir,
}

impl Team {
    pub(crate) fn new(count: usize, change: impl FnOnce(&mut ServerConfig)) -> Self {
        Self::of_different(count, change, |_, _| {})
    }

    /// The same with a changed configuration per worker.
    pub(crate) fn of_different(
        count: usize,
        change: impl FnOnce(&mut ServerConfig),
        vary: impl Fn(u8, &mut ServerConfig),
    ) -> Self {
        let dir = files(&[1, 300_000]);
        let mut config = ServerConfig::new(Pki::new().identity);
        change(&mut config);
        let now = Instant::now();
        let common = HttpCommon::new(&HttpConfig::default());
        let woken: Vec<Arc<AtomicUsize>> = (0..count).map(|_| Arc::default()).collect();
        let team = Worker::team(&config, count, now).unwrap();
        assert_eq!(team.len(), count);
        let serve = |worker: Worker<()>| {
            let mut config = config.clone();
            vary(worker.index(), &mut config);
            let woken = Arc::clone(&woken[usize::from(worker.index())]);
            worker.on_handover(move || {
                woken.fetch_add(1, Ordering::Relaxed);
            });
            let root = Root::open(dir.path()).unwrap();
            let http = Http::for_worker(Files::new(root), common.clone()).unwrap();
            Server::for_worker(&config, worker, http).unwrap()
        };
        let servers = team.into_iter().map(serve).collect();
        Self {
            servers,
            woken,
            now,
            _dir: dir,
        }
    }

    /// Delivers all that the client sends, each datagram to the worker that `choose` returns, and
    /// the answers.
    pub(crate) fn exchange(&mut self, client: &mut Client, mut choose: impl FnMut() -> usize) {
        let mut buf = [0; 2000];
        while let Ok((len, _)) = client.quic.send(&mut buf) {
            let at = choose();
            let from = client.address;
            self.servers[at].handle_datagram(self.now, &mut buf[..len], from, server_addr(), ());
        }
        for server in &mut self.servers {
            server.take_over(self.now);
            while let Some(sent) = server.poll_transmit(self.now, &mut buf) {
                let info = quiche::RecvInfo {
                    from: sent.from,
                    to: sent.to,
                };
                if sent.to == client.address {
                    let _ = client.quic.recv(&mut buf[..sent.len], info);
                }
            }
        }
    }

    pub(crate) fn connect(&mut self, port: u16, at: usize) -> Client {
        self.handshake(Client::new(port), at)
    }

    /// Connects to a worker with a ticket. Returns whether it was accepted.
    fn resume(&mut self, port: u16, at: usize, ticket: &[u8]) -> bool {
        let mut client = Client::new(port);
        client.quic.set_session(ticket).unwrap();
        let client = self.handshake(client, at);
        assert!(client.quic.is_established());
        client.quic.is_resumed()
    }

    fn handshake(&mut self, mut client: Client, at: usize) -> Client {
        for _ in 0..10 {
            self.exchange(&mut client, || at);
        }
        client
    }

    pub(crate) fn stats(&self) -> ServerStats {
        let mut sum = ServerStats::default();
        for server in &self.servers {
            sum.add(&server.stats());
        }
        let (answered, dropped) = (sum.answered.total(), sum.dropped.total());
        let known = sum.delivered + answered + dropped + sum.handed_over;
        assert_eq!(sum.datagrams_in + sum.taken_over, known, "{sum:?}");
        sum
    }
}

pub(crate) struct Client {
    pub(crate) quic: quiche::Connection,
    pub(crate) address: std::net::SocketAddr,
}

impl Client {
    pub(crate) fn new(port: u16) -> Self {
        let address = std::net::SocketAddr::from(([198, 51, 100, 7], port));
        let id = [port as u8; 16];
        let id = quiche::ConnectionId::from_ref(&id);
        let mut config = client_config(h3::APPLICATION_PROTOCOL);
        config.enable_early_data();
        let quic = quiche::connect(Some(NAME), &id, address, server_addr(), &mut config);
        Self {
            quic: quic.unwrap(),
            address,
        }
    }

    pub(crate) fn next_datagram(&mut self) -> Option<Vec<u8>> {
        let mut buf = [0; 2000];
        let (len, _) = self.quic.send(&mut buf).ok()?;
        Some(buf[..len].to_vec())
    }
}

/// A custom format: the longest ids, with the worker at the end.
#[derive(Debug)]
struct Backwards;

impl ConnectionIdFormat for Backwards {
    fn len_bytes(&self) -> usize {
        20
    }

    fn stamp(&self, id: &mut [u8], worker: Option<u8>) {
        id[19] = worker.unwrap();
    }

    fn worker_of(&self, id: &[u8]) -> Option<u8> {
        id.last().copied()
    }
}

#[test]
fn a_transfer_goes_on_wherever_its_packets_arrive() {
    let katran = |bits| Arc::new(Katran::new(1092, bits).unwrap());
    transfer_everywhere(Arc::new(RandomIds), 8);
    transfer_everywhere(Arc::new(QuicLb::aws([0xa5; 8])), 16);
    transfer_everywhere(Arc::new(QuicLb::new(6, &[9], 6).unwrap()), 8);
    transfer_everywhere(katran(HostBits::Sixteen), 12);
    transfer_everywhere(katran(HostBits::TwentyFour), 12);
    transfer_everywhere(katran(HostBits::ThirtyTwo), 12);
    transfer_everywhere(Arc::new(Backwards), 20);
}

fn transfer_everywhere(format: Arc<dyn ConnectionIdFormat>, len: usize) {
    let mut team = Team::new(4, |config| config.connection_ids = format);
    let mut client = team.connect(9, 2);
    assert!(client.quic.is_established());
    assert_eq!(client.quic.destination_id().len(), len);
    let config = h3::Config::new().unwrap();
    let mut http = h3::Connection::with_transport(&mut client.quic, &config).unwrap();
    let fields = headers(&request("GET", "/300000"));
    http.send_request(&mut client.quic, &fields, true).unwrap();
    let (mut rng, mut body, mut is_all) = (Rng::with_seed(5), Vec::new(), false);
    for _ in 0..1000 {
        team.exchange(&mut client, || rng.usize(..4));
        while let Ok((stream, event)) = http.poll(&mut client.quic) {
            let mut buf = [0; 4096];
            while let Ok(len) = http.recv_body(&mut client.quic, stream, &mut buf) {
                body.extend_from_slice(&buf[..len]);
            }
            is_all |= event == h3::Event::Finished;
        }
        if is_all {
            break;
        }
    }
    assert!(is_all && body == content(300_000), "{} bytes", body.len());
    let stats = team.stats();
    assert!(stats.handed_over > 0, "{stats:?}");
    assert_eq!(stats.handed_over, stats.taken_over);
    assert_eq!(
        (stats.connections.established, stats.answered.reset),
        (1, 0)
    );
    assert_eq!(team.servers[2].stats().taken_over, stats.taken_over);
    assert_eq!(stats.dropped.total(), 0, "{stats:?}");
    // No wake was without a packet.
    let woken = team.woken[2].load(Ordering::Relaxed) as u64;
    assert!((1..=stats.taken_over).contains(&woken), "{woken}");
}

#[test]
fn an_address_is_proven_to_all_of_them() {
    let mut team = Team::new(2, |config| config.retry_above_half_open = 0);
    let mut client = Client::new(9);
    // Retry's key is replaced once an hour.
    team.now += Duration::from_secs(60 * 60 - 5);
    team.exchange(&mut client, || 0);
    assert!(team.stats().answered.retry > 0);
    team.now += Duration::from_secs(10);
    for _ in 0..10 {
        team.exchange(&mut client, || 1);
    }
    assert!(client.quic.is_established());
    assert_eq!(team.servers[1].stats().connections.established, 1);
}

/// A key is used for 12 hours, and its tickets are accepted for 12 more.
#[test]
fn a_ticket_is_good_at_all_of_them_until_its_key_was_replaced_twice() {
    let half_a_day = Duration::from_secs(12 * 60 * 60);
    for (count, other) in [(1, 0), (2, 1)] {
        let mut team = Team::new(count, |_| {});
        let client = team.connect(9, 0);
        let ticket = client.quic.session().unwrap().to_vec();
        assert!(team.resume(10, other, &ticket));
        team.now += half_a_day;
        assert!(team.resume(11, other, &ticket), "{count}");
        team.now += half_a_day;
        assert!(!team.resume(12, other, &ticket), "{count}");
        // Another certificate, the same ticket keys.
        let ticket = team.connect(13, 0).quic.session().unwrap().to_vec();
        let identity = Pki::new().identity;
        team.servers[other].set_identity(&identity).unwrap();
        assert!(team.resume(14, other, &ticket), "{count}");
    }
}

#[test]
fn a_host_has_no_more_places_because_there_are_more_workers() {
    let mut team = Team::new(2, |config| config.max_connections_per_host = 1);
    let first = team.connect(9, 0);
    let second = team.connect(10, 1);
    assert!(first.quic.is_established() && second.quic.peer_error().is_some());
    assert!(team.stats().refused.host_full > 0);

    let mut team = Team::new(2, |config| config.max_connections = 1);
    let first = team.connect(9, 0);
    let second = team.connect(10, 1);
    assert!(first.quic.is_established() && second.quic.peer_error().is_some());
    assert!(team.stats().refused.server_full > 0);
}

#[test]
fn what_a_worker_does_not_take_over_is_bounded() {
    let mut team = Team::new(3, |_| {});
    // To connections that worker 1 never had.
    let mut stray = [0x40; 50];
    stray[1] = 1;
    let client = "198.51.100.7:9".parse().unwrap();
    for _ in 0..2000 {
        team.servers[0].handle_datagram(team.now, &mut stray, client, server_addr(), ());
    }
    let stats = team.stats();
    assert_eq!(stats.handed_over + stats.dropped.handover_overflow, 2000);
    assert!(stats.dropped.handover_overflow >= 900, "{stats:?}");
    assert_eq!(
        team.woken[1].load(Ordering::Relaxed),
        1,
        "once, until it looks"
    );
    let handed_over = stats.handed_over as usize;
    assert_eq!(team.servers[1].take_over(team.now), handed_over);
    assert_eq!(team.servers[1].take_over(team.now), 0);
    let stats = team.stats();
    // They are answered as if they had arrived there.
    assert!(stats.answered.reset > 0, "{stats:?}");
    // An id that names no worker is not handed over.
    stray[1] = 77;
    team.servers[0].handle_datagram(team.now, &mut stray, client, server_addr(), ());
    assert_eq!(team.stats().handed_over as usize, handed_over);
}

#[test]
fn an_id_of_an_impossible_length_is_refused() {
    #[derive(Debug)]
    struct Long(usize);
    impl ConnectionIdFormat for Long {
        fn len_bytes(&self) -> usize {
            self.0
        }
        fn stamp(&self, _: &mut [u8], _: Option<u8>) {}
        fn worker_of(&self, _: &[u8]) -> Option<u8> {
            None
        }
    }
    for bytes in [0, 7, 21] {
        let mut config = ServerConfig::new(Pki::new().identity);
        config.connection_ids = Arc::new(Long(bytes));
        let error = Worker::<()>::team(&config, 2, Instant::now()).unwrap_err();
        let expected = ConnectionIdError::Length { bytes };
        assert_eq!(error.to_string(), expected.to_string());
    }
}

#[test]
fn who_comes_while_a_server_drains_is_sent_away_at_once() {
    let mut team = Team::new(1, |_| {});
    let first = team.connect(9, 0);
    assert!(first.quic.is_established());
    team.servers[0].drain();
    let late = team.connect(10, 0);
    let error = late.quic.peer_error().expect("refused");
    assert_eq!((error.is_app, error.error_code), (false, 2));
    assert_eq!(error.reason, b"the server is shutting down");
    assert!(team.stats().refused.leaving > 0);
}

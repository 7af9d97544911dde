//! A relay between one UDP port of a client and a server: the runner's network, a link of 10 Mbit/s
//! with a short queue, that drops, corrupts, rebinds or goes black.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use fastrand::Rng;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use crate::keys::PREFIX_BYTES;
use crate::packet::{Kind, packets};

const BITS_PER_SECOND: u64 = 10_000_000;

/// The most datagrams that wait for the link in each direction.
const QUEUE: usize = 25;

/// Headers of Ethernet, IP and UDP, which take time on the link too.
const HEADER_BYTES: u64 = 14 + 20 + 8;

/// The most datagrams lost or corrupted in a row.
const MAX_ROW: u32 = 3;

/// The link is open, then black.
const OPEN: Duration = Duration::from_secs(5);
const BLACK: Duration = Duration::from_secs(2);

/// The first change of a client's address, and the interval after it.
const FIRST_REBIND: Duration = Duration::from_secs(1);
const NEXT_REBIND: Duration = Duration::from_secs(5);

/// The relay's behaviour, in each direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network {
    pub(crate) delay: Duration,
    pub(crate) loss_percent: u64,
    pub(crate) corruption_percent: u64,
    /// The client's datagrams with numbers in this half-open range, from 0, are lost.
    pub(crate) drop_from_client: (u64, u64),
    /// Whether at times nothing passes.
    pub(crate) is_black: bool,
    /// Whether the client's port changes, as the server sees it.
    pub(crate) rebinds_port: bool,
    /// Whether its address does.
    pub(crate) rebinds_address: bool,
}

impl Network {
    pub(crate) const PLAIN: Self = Self {
        delay: Duration::from_millis(15),
        loss_percent: 0,
        corruption_percent: 0,
        drop_from_client: (0, 0),
        is_black: false,
        rebinds_port: false,
        rebinds_address: false,
    };
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum From {
    Client = 0,
    Server = 1,
}

/// What the relay saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) lost: u64,
    /// Lost because the queue was full.
    pub(crate) overflowed: u64,
    pub(crate) corrupted: u64,
    pub(crate) rebinds: u64,
    pub(crate) version_negotiations: u64,
    pub(crate) retries: u64,
    pub(crate) zero_rtt: u64,
    /// The client's datagrams before an answer could have arrived.
    pub(crate) unanswered: u64,
    /// Bytes from the server beyond three times what it had received, while only the first datagram
    /// was let through.
    pub(crate) amplified_bytes: u64,
    /// The beginnings of packets with short headers, by their sender.
    pub(crate) short: [Vec<Vec<u8>>; 2],
    /// The length of the sender's own ids, which the other end's packets carry.
    pub(crate) id_len: [usize; 2],
    from_client: u64,
    passed_to_server_bytes: u64,
    from_server_bytes: u64,
}

pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

struct Way {
    network: Network,
    front: Arc<UdpSocket>,
    back: Arc<UdpSocket>,
    client: Option<SocketAddr>,
    server: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    /// The first datagram's time.
    begun: Option<Instant>,
    next_rebind: Duration,
    rng: Rng,
    lines: [Line; 2],
}

/// One direction of the link.
struct Line {
    /// The departure times of the waiting datagrams.
    leaving: VecDeque<Instant>,
    spoilt_in_a_row: u32,
    later: UnboundedSender<Delayed>,
}

struct Delayed {
    due: Instant,
    socket: Arc<UdpSocket>,
    to: SocketAddr,
    datagram: Vec<u8>,
}

impl Relay {
    /// Starts one as a task, which ends with the runtime. The seed decides which datagrams are
    /// lost.
    pub(crate) async fn start(
        network: Network,
        server: SocketAddr,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let front = UdpSocket::bind((server.ip(), 0)).await?;
        let back = UdpSocket::bind((server.ip(), 0)).await?;
        let address = front.local_addr().context("the relay's address")?;
        let seen = Arc::default();
        let line = || {
            let (later, due) = unbounded_channel();
            tokio::spawn(send_when_due(due));
            Line {
                leaving: VecDeque::new(),
                spoilt_in_a_row: 0,
                later,
            }
        };
        let way = Way {
            network,
            front: Arc::new(front),
            back: Arc::new(back),
            client: None,
            server,
            seen: Arc::clone(&seen),
            begun: None,
            next_rebind: FIRST_REBIND,
            rng: Rng::with_seed(seed),
            lines: [line(), line()],
        };
        tokio::spawn(way.run());
        Ok(Self { address, seen })
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Sends the datagrams in the order in which they came.
async fn send_when_due(mut due: UnboundedReceiver<Delayed>) {
    while let Some(next) = due.recv().await {
        tokio::time::sleep_until(next.due).await;
        // A datagram that cannot be sent is lost, as on any network.
        let _ = next.socket.send_to(&next.datagram, next.to).await;
    }
}

impl Way {
    async fn run(mut self) {
        let (mut of_client, mut of_server) = (vec![0; 65_535], vec![0; 65_535]);
        loop {
            let (front, back) = (Arc::clone(&self.front), Arc::clone(&self.back));
            tokio::select! {
                Ok((len, from)) = front.recv_from(&mut of_client) => {
                    self.client = Some(from);
                    self.take_from_client(of_client[..len].to_vec());
                }
                Ok((len, _)) = back.recv_from(&mut of_server) => {
                    self.take_from_server(of_server[..len].to_vec()).await;
                }
            }
        }
    }

    fn take_from_client(&mut self, datagram: Vec<u8>) {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        let is_unanswered = begun.elapsed() < 2 * self.network.delay;
        self.look(From::Client, &datagram);
        let (first, end) = self.network.drop_from_client;
        let number = self.note(|seen| {
            seen.from_client += 1;
            seen.unanswered += u64::from(is_unanswered);
            seen.from_client - 1
        });
        if (first..end).contains(&number) {
            self.note(|seen| seen.lost += 1);
            return;
        }
        let bytes = datagram.len() as u64;
        self.note(|seen| seen.passed_to_server_bytes += bytes);
        self.pass(From::Client, datagram, Arc::clone(&self.back), self.server);
    }

    async fn take_from_server(&mut self, datagram: Vec<u8>) {
        self.look(From::Server, &datagram);
        let (bytes, until_answered) = (datagram.len() as u64, self.network.drop_from_client.1);
        self.note(|seen| {
            seen.from_server_bytes += bytes;
            if seen.from_client < until_answered {
                let allowed = 3 * seen.passed_to_server_bytes;
                let over = seen.from_server_bytes.saturating_sub(allowed);
                seen.amplified_bytes = seen.amplified_bytes.max(over);
            }
        });
        let passed = self.begun.map_or(Duration::ZERO, |at| at.elapsed());
        let is_rebound = self.network.rebinds_port || self.network.rebinds_address;
        if is_rebound && passed >= self.next_rebind {
            self.next_rebind += NEXT_REBIND;
            self.rebind().await;
        }
        if let Some(client) = self.client {
            self.pass(From::Server, datagram, Arc::clone(&self.front), client);
        }
    }

    /// Counts the visible packets of a datagram.
    fn look(&self, from: From, datagram: &[u8]) {
        self.note(|seen| {
            for packet in packets(datagram) {
                match packet.kind {
                    Kind::VersionNegotiation => seen.version_negotiations += 1,
                    Kind::Retry => seen.retries += 1,
                    Kind::ZeroRtt => seen.zero_rtt += 1,
                    Kind::Initial | Kind::Handshake => {
                        seen.id_len[from as usize] = packet.source.len();
                    }
                    Kind::Short => {
                        let len = packet.bytes.len().min(PREFIX_BYTES);
                        seen.short[from as usize].push(packet.bytes[..len].to_vec());
                    }
                }
            }
        });
    }

    async fn rebind(&mut self) {
        let mut address = self.server.ip();
        if self.network.rebinds_address {
            let number = self.note(|seen| seen.rebinds);
            address = Ipv4Addr::new(127, 0, 1, 2 + (number % 200) as u8).into();
        }
        // If this fails, so does the case, for lack of a migration.
        if let Ok(socket) = UdpSocket::bind((address, 0)).await {
            self.back = Arc::new(socket);
            self.note(|seen| seen.rebinds += 1);
        }
    }

    fn pass(&mut self, from: From, mut datagram: Vec<u8>, socket: Arc<UdpSocket>, to: SocketAddr) {
        let now = Instant::now();
        if self.is_black() || self.is_spoilt(from, self.network.loss_percent) {
            self.note(|seen| seen.lost += 1);
            return;
        }
        if self.is_spoilt(from, self.network.corruption_percent) {
            if let Some(byte) = self.rng.choice(&mut datagram) {
                *byte ^= 0xff;
            }
            self.note(|seen| seen.corrupted += 1);
        }
        let line = &mut self.lines[from as usize];
        while line.leaving.front().is_some_and(|&at| at <= now) {
            line.leaving.pop_front();
        }
        if line.leaving.len() >= QUEUE {
            self.note(|seen| seen.overflowed += 1);
            return;
        }
        let bits = 8 * (datagram.len() as u64 + HEADER_BYTES);
        let takes = Duration::from_nanos(bits * 1_000_000_000 / BITS_PER_SECOND);
        let leaves = line.leaving.back().copied().unwrap_or(now) + takes;
        line.leaving.push_back(leaves);
        // Fails only once the runtime ends.
        let _ = line.later.send(Delayed {
            due: leaves + self.network.delay,
            socket,
            to,
            datagram,
        });
    }

    fn is_black(&self) -> bool {
        let passed = self.begun.map_or(0, |at| at.elapsed().as_millis());
        self.network.is_black && passed % (OPEN + BLACK).as_millis() >= OPEN.as_millis()
    }

    /// Whether chance selects this datagram, and not too many in a row were selected before.
    fn is_spoilt(&mut self, from: From, percent: u64) -> bool {
        if percent == 0 {
            return false;
        }
        let is_chosen = self.rng.u64(..100) < percent;
        let row = &mut self.lines[from as usize].spoilt_in_a_row;
        let is_spoilt = is_chosen && *row < MAX_ROW;
        *row = if is_spoilt { *row + 1 } else { 0 };
        is_spoilt
    }

    fn note<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

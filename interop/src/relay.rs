//! A relay between one UDP port of a client and a server: delays, drops, corrupts, rebinds, goes black.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// How long a black hole is one.
const BLACK: Duration = Duration::from_secs(2);

/// What the relay does. Counts are of datagrams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network {
    /// In each direction.
    pub(crate) delay: Duration,
    pub(crate) loss_percent: u64,
    pub(crate) corruption_percent: u64,
    /// Those of the client with these numbers, from 0, get lost: from the first on, before the second.
    pub(crate) drop_from_client: (u64, u64),
    /// After so many from the server, nothing passes for a while.
    pub(crate) black_after: Option<u64>,
    /// The client's port as the server sees it changes after so many from the server.
    pub(crate) rebind_port_every: Option<u64>,
    /// The same, of its address.
    pub(crate) rebind_address_every: Option<u64>,
}

impl Network {
    pub(crate) const PLAIN: Self = Self {
        delay: Duration::from_millis(15),
        loss_percent: 0,
        corruption_percent: 0,
        drop_from_client: (0, 0),
        black_after: None,
        rebind_port_every: None,
        rebind_address_every: None,
    };
}

/// What the relay saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) from_client: u64,
    pub(crate) from_server: u64,
    pub(crate) passed_to_server_bytes: u64,
    pub(crate) from_server_bytes: u64,
    pub(crate) retries: u64,
    /// Bytes from the server beyond three times what it had got, while only the first datagram was let through.
    pub(crate) amplified_bytes: u64,
    pub(crate) lost: u64,
    pub(crate) corrupted: u64,
    pub(crate) rebinds: u64,
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
    black_until: Option<Instant>,
    random: u64,
    later: UnboundedSender<Delayed>,
}

struct Delayed {
    due: Instant,
    socket: Arc<UdpSocket>,
    to: SocketAddr,
    datagram: Vec<u8>,
}

impl Relay {
    /// Starts one as a task, which ends with the runtime.
    pub(crate) async fn start(network: Network, server: SocketAddr) -> anyhow::Result<Self> {
        let front = UdpSocket::bind((server.ip(), 0)).await?;
        let back = UdpSocket::bind((server.ip(), 0)).await?;
        let address = front.local_addr().context("the relay's address")?;
        let (later, due) = unbounded_channel();
        let seen = Arc::default();
        let way = Way {
            network,
            front: Arc::new(front),
            back: Arc::new(back),
            client: None,
            server,
            seen: Arc::clone(&seen),
            black_until: None,
            random: 0x9e37_79b9_7f4a_7c15,
            later,
        };
        tokio::spawn(send_when_due(due));
        tokio::spawn(way.run());
        Ok(Self { address, seen })
    }

    pub(crate) fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In the order in which they came.
async fn send_when_due(mut due: UnboundedReceiver<Delayed>) {
    while let Some(next) = due.recv().await {
        tokio::time::sleep_until(next.due).await;
        // What can't be sent is lost, as on any network.
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
        let (first, end) = self.network.drop_from_client;
        let number = self.note(|seen| {
            seen.from_client += 1;
            seen.from_client - 1
        });
        if (first..end).contains(&number) {
            self.note(|seen| seen.lost += 1);
            return;
        }
        let bytes = datagram.len() as u64;
        self.note(|seen| seen.passed_to_server_bytes += bytes);
        self.pass(datagram, Arc::clone(&self.back), self.server);
    }

    async fn take_from_server(&mut self, datagram: Vec<u8>) {
        let (bytes, has_retry) = (datagram.len() as u64, is_retry(&datagram));
        let until_answered = self.network.drop_from_client.1;
        let number = self.note(|seen| {
            seen.from_server += 1;
            seen.from_server_bytes += bytes;
            seen.retries += u64::from(has_retry);
            if seen.from_client < until_answered {
                let over = seen
                    .from_server_bytes
                    .saturating_sub(3 * seen.passed_to_server_bytes);
                seen.amplified_bytes = seen.amplified_bytes.max(over);
            }
            seen.from_server
        });
        if self.network.black_after == Some(number) {
            self.black_until = Some(Instant::now() + BLACK);
        }
        let is_time = |every: Option<u64>| every.is_some_and(|every| number.is_multiple_of(every));
        if is_time(self.network.rebind_port_every) {
            self.rebind(self.server.ip()).await;
        } else if is_time(self.network.rebind_address_every) {
            let next = u8::try_from(2 + number % 200).unwrap_or(2);
            let next = self.note(|seen| next.wrapping_add(seen.rebinds as u8));
            self.rebind(Ipv4Addr::new(127, 0, 1, next).into()).await;
        }
        if let Some(client) = self.client {
            self.pass(datagram, Arc::clone(&self.front), client);
        }
    }

    async fn rebind(&mut self, address: IpAddr) {
        // The case fails for want of a migration if this did.
        if let Ok(socket) = UdpSocket::bind((address, 0)).await {
            self.back = Arc::new(socket);
            self.note(|seen| seen.rebinds += 1);
        }
    }

    fn pass(&mut self, mut datagram: Vec<u8>, socket: Arc<UdpSocket>, to: SocketAddr) {
        let now = Instant::now();
        let is_black = self.black_until.is_some_and(|until| now < until);
        if is_black || self.next_random() % 100 < self.network.loss_percent {
            self.note(|seen| seen.lost += 1);
            return;
        }
        if self.next_random() % 100 < self.network.corruption_percent {
            let at = self.next_random() as usize % datagram.len().max(1);
            if let Some(byte) = datagram.get_mut(at) {
                *byte ^= 0xff;
            }
            self.note(|seen| seen.corrupted += 1);
        }
        // Only gone when the runtime is.
        let _ = self.later.send(Delayed {
            due: now + self.network.delay,
            socket,
            to,
            datagram,
        });
    }

    /// Xorshift: the same losses in each run, as far as the packets are.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 16
    }

    fn note<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Of version 1 (RFC 9000, section 17.2.5).
fn is_retry(datagram: &[u8]) -> bool {
    matches!(datagram, [first, 0, 0, 0, 1, ..] if first & 0xf0 == 0xf0)
}

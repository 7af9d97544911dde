//! Asks an HTTP/3 server for one path from a UDP socket of the kernel, at a rate or so many requests at a time, and
//! prints how long they took: the client of `cargo xtask bench tcp`.
//!
//! At a rate, the time of a request begins when it was due: what waits for a slow answer counts as well.

use std::collections::HashMap;
use std::error::Error;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use xskit_quic::client::{ClientEvent, RequestId, Trust};
use xskit_quic::{Client, ClientConfig};

const USAGE: &str = "usage: paced SERVER:PORT PATH REQUESTS (rate|outstanding) N";

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(60);

struct Load {
    client: Client<()>,
    socket: UdpSocket,
    path: String,
    begun: HashMap<RequestId, Instant>,
    times_us: Vec<f64>,
    bytes: u64,
    failed: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [server, path, requests, how, count] = words.as_slice() else {
        return Err(USAGE.into());
    };
    let (server, count): (SocketAddr, u32) = (server.parse()?, count.parse()?);
    let requests: u32 = requests.parse()?;
    let pause = match how.as_str() {
        "rate" => Some(Duration::from_secs(1) / count),
        "outstanding" => None,
        _ => return Err(USAGE.into()),
    };
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(server)?;
    socket.set_nonblocking(true)?;
    let config = ClientConfig::new(&server.ip().to_string(), server.port(), Trust::Anyone);
    let client = Client::new(&config, socket.local_addr()?, server, (), Instant::now())?;
    let mut load = Load {
        client,
        socket,
        path: path.clone(),
        begun: HashMap::new(),
        times_us: Vec::new(),
        bytes: 0,
        failed: 0,
    };
    while !load.client.is_connected() {
        load.turn(Duration::from_millis(10))?;
    }
    let (start, mut asked) = (Instant::now(), 0);
    while asked < requests || !load.begun.is_empty() {
        if start.elapsed() > PATIENCE {
            return Err(format!("{} answers in {PATIENCE:?}", load.times_us.len()).into());
        }
        let now = Instant::now();
        let due = |asked| pause.map_or(now, |pause| start + pause * asked);
        let has_room = |load: &Load| pause.is_some() || load.begun.len() < count as usize;
        while asked < requests && due(asked) <= now && has_room(&load) {
            load.ask(due(asked));
            asked += 1;
        }
        let rest = due(asked).saturating_duration_since(now);
        let is_late = asked < requests && pause.is_some();
        let wait = Duration::from_millis(10);
        load.turn(if is_late { rest.min(wait) } else { wait })?;
    }
    let seconds = start.elapsed().as_secs_f64();
    load.times_us.sort_by(f64::total_cmp);
    let at = |part: f64| {
        let place = (load.times_us.len() as f64 * part).ceil() as usize;
        load.times_us
            .get(place.saturating_sub(1))
            .copied()
            .unwrap_or(0.0)
    };
    println!(
        "{{\"answers\":{},\"bytes\":{},\"failed\":{},\"seconds\":{seconds},\"p50_us\":{},\"p99_us\":{}}}",
        load.times_us.len(),
        load.bytes,
        load.failed,
        at(0.5),
        at(0.99),
    );
    Ok(())
}

impl Load {
    fn ask(&mut self, due: Instant) {
        let id = self.client.get(&self.path, None);
        self.begun.insert(id, due);
    }

    /// Sends what is to be sent, waits so long for a datagram, and takes all that have come.
    fn turn(&mut self, wait: Duration) -> Result<(), Box<dyn Error>> {
        let mut packet = [0; 2048];
        self.send(&mut packet)?;
        let now = Instant::now();
        let due = self
            .client
            .poll_timeout()
            .map_or(wait, |at| wait.min(at.saturating_duration_since(now)));
        // To the microsecond, unlike SO_RCVTIMEO, which is rounded up to the kernel's tick.
        let until = Timespec::try_from(due)?;
        let mut readable = [PollFd::new(&self.socket, PollFlags::IN)];
        match poll(&mut readable, Some(&until)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let (local, peer) = (self.socket.local_addr()?, self.socket.peer_addr()?);
        loop {
            match self.socket.recv(&mut packet) {
                Ok(len) => {
                    let datagram = &mut packet[..len];
                    self.client
                        .handle_datagram(Instant::now(), datagram, peer, local);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        if self
            .client
            .poll_timeout()
            .is_some_and(|at| at <= Instant::now())
        {
            self.client.handle_timeout(Instant::now());
        }
        self.take()?;
        self.send(&mut packet)
    }

    fn send(&mut self, packet: &mut [u8]) -> Result<(), Box<dyn Error>> {
        while let Some(transmit) = self.client.poll_transmit(Instant::now(), packet) {
            self.socket.send(&packet[..transmit.len])?;
        }
        Ok(())
    }

    fn take(&mut self) -> Result<(), Box<dyn Error>> {
        let mut body = [0; 16 << 10];
        while let Some(event) = self.client.poll_event() {
            match event {
                ClientEvent::Body(id) => loop {
                    match self.client.read_body(id, &mut body) {
                        0 => break,
                        len => self.bytes += len as u64,
                    }
                },
                ClientEvent::Response(_, head) if head.status != 200 => self.failed += 1,
                ClientEvent::Finished(id) => {
                    if let Some(due) = self.begun.remove(&id) {
                        self.times_us.push(due.elapsed().as_secs_f64() * 1e6);
                    }
                }
                ClientEvent::Failed(id, _) => {
                    self.begun.remove(&id);
                    self.failed += 1;
                }
                ClientEvent::Closed(end) => return Err(format!("closed: {end:?}").into()),
                _ => {}
            }
        }
        Ok(())
    }
}

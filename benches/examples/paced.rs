//! Asks an HTTP/3 server for one path from a UDP socket of the kernel, at a rate or so many requests at a time, and
//! prints how long answers took: the client of `cargo xtask bench tcp`.
//!
//! At a rate, the time of a request begins when it was due: what waits for a slow answer counts as well.

use std::collections::HashMap;
use std::error::Error;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use xskit_quic::client::{ClientEvent, RequestId, Trust};
use xskit_quic::{Client, ClientConfig};

const USAGE: &str = "usage: paced SERVER:PORT PATH SECONDS (rate|outstanding) N";

/// How long what is under way may take at the end.
const PATIENCE: Duration = Duration::from_secs(5);

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
    let [server, path, seconds, how, count] = words.as_slice() else {
        return Err(USAGE.into());
    };
    let (server, count): (SocketAddr, u32) = (server.parse()?, count.parse()?);
    let length = Duration::from_secs_f64(seconds.parse()?);
    let pause = match how.as_str() {
        "rate" => Some(Duration::from_secs(1) / count),
        "outstanding" => None,
        _ => return Err(USAGE.into()),
    };
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(server)?;
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
    while start.elapsed() < length {
        let mut rest = Duration::from_millis(10);
        match pause {
            Some(pause) => {
                while start + pause * asked <= Instant::now() {
                    load.ask(start + pause * asked);
                    asked += 1;
                }
                rest = rest.min((start + pause * asked).saturating_duration_since(Instant::now()));
            }
            None => {
                while load.begun.len() < count as usize {
                    load.ask(Instant::now());
                }
            }
        }
        load.turn(rest)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let (answers, bytes) = (load.times_us.len(), load.bytes);
    while !load.begun.is_empty() && start.elapsed() < length + PATIENCE {
        load.turn(Duration::from_millis(10))?;
    }
    load.failed += load.begun.len() as u64;
    load.times_us.sort_by(f64::total_cmp);
    let at = |part: f64| {
        let place = (load.times_us.len() as f64 * part).ceil() as usize;
        load.times_us
            .get(place.saturating_sub(1))
            .copied()
            .unwrap_or(0.0)
    };
    println!(
        "{{\"answers\":{answers},\"all_answers\":{},\"bytes\":{bytes},\"all_bytes\":{},\"failed\":{},\"seconds\":{seconds},\"p50_us\":{},\"p99_us\":{}}}",
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
        self.socket.set_nonblocking(false)?;
        self.socket
            .set_read_timeout(Some(due.max(Duration::from_micros(20))))?;
        let (local, peer) = (self.socket.local_addr()?, self.socket.peer_addr()?);
        let mut is_first = true;
        loop {
            match self.socket.recv(&mut packet) {
                Ok(len) => {
                    let datagram = &mut packet[..len];
                    self.client
                        .handle_datagram(Instant::now(), datagram, peer, local);
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
            if is_first {
                self.socket.set_nonblocking(true)?;
                is_first = false;
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

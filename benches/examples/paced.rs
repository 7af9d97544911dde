//! Requests one path of an HTTP/3 server through a kernel UDP socket, at a rate or with a number of
//! requests at a time, and prints their times: the client of `cargo xtask bench tcp`.
//!
//! At a rate, a request's time begins when it was due, so that a delay by a slow answer counts as
//! well.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use xskit_benches::spread::percentile;
use xskit_quic::client::{ClientEvent, RequestId, Trust};
use xskit_quic::driver::{UdpConfig, UdpDriver};
use xskit_quic::{Client, ClientConfig};

const USAGE: &str = "usage: paced SERVER:PORT PATH REQUESTS (rate|outstanding) N";

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(60);

struct Load {
    client: Client<()>,
    driver: UdpDriver,
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
    let socket = UdpSocket::bind((own_address(server)?, 0))?;
    let config = ClientConfig::new(&server.ip().to_string(), server.port(), Trust::Anyone);
    let client = Client::new(&config, socket.local_addr()?, server, (), Instant::now())?;
    let mut load = Load {
        client,
        driver: UdpDriver::new(socket, UdpConfig::default())?,
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
    // Without an answer it is NaN, which JSON doesn't have.
    let at = |percent| percentile(&load.times_us, percent).max(0.0);
    println!(
        "{{\"answers\":{},\"bytes\":{},\"failed\":{},\"seconds\":{seconds},\"p50_us\":{},\"p99_us\":{}}}",
        load.times_us.len(),
        load.bytes,
        load.failed,
        at(50.0),
        at(99.0),
    );
    Ok(())
}

/// The address by which the kernel reaches the server.
fn own_address(server: SocketAddr) -> io::Result<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(server)?;
    Ok(socket.local_addr()?.ip())
}

impl Load {
    fn ask(&mut self, due: Instant) {
        let id = self.client.get(&self.path, None);
        self.begun.insert(id, due);
    }

    /// Moves what there is; if there is nothing, waits for a datagram, at most `longest`.
    fn turn(&mut self, longest: Duration) -> Result<(), Box<dyn Error>> {
        let is_more = self.driver.turn(&mut self.client)?;
        // Reading makes room, which the next turn reports to the server.
        let has_taken = self.take()?;
        self.driver
            .rest(&mut self.client, is_more || has_taken, longest)?;
        Ok(())
    }

    /// Reads what has arrived of answers. Returns whether anything has.
    fn take(&mut self) -> Result<bool, Box<dyn Error>> {
        let mut has_taken = false;
        let mut body = [0; 16 << 10];
        while let Some(event) = self.client.poll_event() {
            has_taken = true;
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
        Ok(has_taken)
    }
}

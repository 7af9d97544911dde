//! Kernel UDP sockets in the same hosts: the exchange that `ping` is compared with, and a sender that keeps a pace.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use rustix::time::{ClockId, clock_gettime};
use xskit_benches::stop::Stop;
use xskit_testbed::{Host, HostPair};

use crate::core::{Cores, Place};
use crate::figures::Figures;

/// Bytes of Ethernet, IPv4 and UDP headers before a payload.
pub const HEADERS_LEN: usize = 42;

/// A packet that is not back after so long is lost.
const LOST_AFTER: Duration = Duration::from_millis(200);

/// Round trips before those that count.
const WARM_UP: usize = 100;

/// How the sockets wait for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// `recv(2)` sleeps.
    Block,
    /// `recv(2)` is called again and again.
    Busy,
}

/// Times packets of `len_bytes` from the first host to the second and back, one at a time.
///
/// # Errors
/// Where a socket fails, or no packet comes back.
pub fn ping(
    pair: &HostPair,
    cores: &Cores,
    waiting: Waiting,
    len_bytes: usize,
    length: Duration,
) -> anyhow::Result<Figures> {
    let stop = Stop::default();
    let (bound, address) = channel();
    thread::scope(|scope| {
        let until = stop.on_drop();
        let echo = scope.spawn(|| echo(&pair.second, cores, waiting, &stop, bound));
        let to = address
            .recv()
            .map_err(|_| anyhow!("the UDP echo did not start"))?;
        let pinging = scope
            .spawn(move || time_round_trips(&pair.first, cores, waiting, to, len_bytes, length));
        let figures = pinging
            .join()
            .map_err(|_| anyhow!("the UDP ping panicked"))?;
        drop(until);
        echo.join()
            .map_err(|_| anyhow!("the UDP echo panicked"))??;
        figures
    })
}

fn echo(
    host: &Host,
    cores: &Cores,
    waiting: Waiting,
    stop: &Stop,
    bound: Sender<SocketAddr>,
) -> anyhow::Result<()> {
    let socket = open(host, cores, Place::Second, waiting)?;
    bound.send(socket.local_addr()?).context("nobody pings")?;
    let mut packet = [0; 2048];
    while !stop.is_set() {
        match socket.recv_from(&mut packet) {
            Ok((len, from)) => {
                // A packet that can't be sent is lost, and counted where it is missed.
                let _ = socket.send_to(&packet[..len], from);
            }
            Err(error) if is_nothing_yet(&error) => {}
            Err(error) => return Err(error).context("recvfrom"),
        }
    }
    Ok(())
}

fn time_round_trips(
    host: &Host,
    cores: &Cores,
    waiting: Waiting,
    to: SocketAddr,
    len_bytes: usize,
    length: Duration,
) -> anyhow::Result<Figures> {
    let socket = open(host, cores, Place::First, waiting)?;
    socket.connect(to).context("connect")?;
    let mut payload = vec![0; len_bytes.saturating_sub(HEADERS_LEN).max(8)];
    let mut calls = 0;
    let mut exchange = |sequence: u64, calls: &mut u64| -> anyhow::Result<Option<Duration>> {
        payload[..8].copy_from_slice(&sequence.to_be_bytes());
        let sent_at = Instant::now();
        socket.send(&payload).context("send")?;
        *calls += 1;
        await_echo(&socket, sequence, sent_at, calls)
    };
    for sequence in 0..WARM_UP {
        exchange(sequence as u64, &mut calls)?;
    }
    calls = 0;
    let (mut times, mut sequence) = (Vec::new(), WARM_UP as u64);
    let (started, cpu) = (Instant::now(), thread_cpu_seconds());
    while started.elapsed() < length {
        if let Some(time) = exchange(sequence, &mut calls)? {
            times.push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        }
        sequence += 1;
    }
    anyhow::ensure!(!times.is_empty(), "no UDP packet came back");
    let cpu = thread_cpu_seconds() - cpu;
    Ok(Figures::of_round_trips(
        times,
        started.elapsed().as_secs_f64(),
        cpu,
        calls,
    ))
}

fn await_echo(
    socket: &UdpSocket,
    sequence: u64,
    sent_at: Instant,
    calls: &mut u64,
) -> anyhow::Result<Option<Duration>> {
    let mut packet = [0; 2048];
    loop {
        *calls += 1;
        match socket.recv(&mut packet) {
            Ok(8..) if packet[..8] == sequence.to_be_bytes() => return Ok(Some(sent_at.elapsed())),
            Ok(_) => {}
            Err(error) if is_nothing_yet(&error) => {}
            Err(error) => return Err(error).context("recv"),
        }
        if sent_at.elapsed() > LOST_AFTER {
            return Ok(None);
        }
    }
}

fn open(host: &Host, cores: &Cores, place: Place, waiting: Waiting) -> anyhow::Result<UdpSocket> {
    host.namespace.enter()?;
    cores.go_to(place)?;
    let socket = UdpSocket::bind((host.ipv4, 0)).context("a UDP socket")?;
    match waiting {
        Waiting::Block => socket.set_read_timeout(Some(LOST_AFTER))?,
        Waiting::Busy => socket.set_nonblocking(true)?,
    }
    Ok(socket)
}

fn is_nothing_yet(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

fn thread_cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Sends packets of `len_bytes` to a port of the second host, `rate` a second, for as long as `meanwhile` takes.
///
/// # Errors
/// Those of `meanwhile`, and where the socket fails.
pub fn at_a_pace<T>(
    pair: &HostPair,
    cores: &Cores,
    (rate, len_bytes, port): (u32, usize, u16),
    meanwhile: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let stop = Stop::default();
    thread::scope(|scope| {
        let until = stop.on_drop();
        let sender = scope.spawn(|| {
            let socket = open(&pair.first, cores, Place::First, Waiting::Block)?;
            socket
                .connect((pair.second.ipv4, port))
                .context("connect")?;
            keep_pace(&socket, rate, len_bytes, &stop);
            anyhow::Ok(())
        });
        let outcome = meanwhile();
        drop(until);
        sender
            .join()
            .map_err(|_| anyhow!("the UDP sender panicked"))??;
        outcome
    })
}

/// Sends what is due, and sleeps until something is.
fn keep_pace(socket: &UdpSocket, rate: u32, len_bytes: usize, stop: &Stop) {
    let payload = vec![0; len_bytes.saturating_sub(HEADERS_LEN)];
    let (pause, started, mut sent) = (Duration::from_secs(1) / rate, Instant::now(), 0);
    while !stop.is_set() {
        let due = started + pause * sent;
        let left = due.saturating_duration_since(Instant::now());
        if left > Duration::from_micros(200) {
            thread::sleep(left - Duration::from_micros(100));
        } else if left.is_zero() {
            // Before anybody listens there are errors of ICMP, and after: all the same here.
            let _ = socket.send(&payload);
            sent += 1;
        } else {
            std::hint::spin_loop();
        }
    }
}

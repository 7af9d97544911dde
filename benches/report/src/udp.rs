//! Kernel UDP sockets in the same hosts: the rivals of `xskit bench`, and a sender with a steady
//! rate.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use rustix::time::{ClockId, clock_gettime};
use xskit_benches::stop::Stop;
use xskit_testbed::{Host, HostPair};

use crate::core::{Cores, Place};
use crate::figures::Figures;
use crate::job::Task;

/// Bytes of Ethernet, IPv4 and UDP headers before a payload.
pub(crate) const HEADERS_LEN: usize = 42;

/// How long a socket may take to open.
const PATIENCE: Duration = Duration::from_secs(10);

/// A packet that has not returned by then is lost.
const LOST_AFTER: Duration = Duration::from_millis(200);

/// Round trips before those that count.
const WARM_UP: usize = 100;

/// How the sockets wait for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// `recv(2)` sleeps.
    Block,
    /// `recv(2)` is called in a loop.
    Busy,
}

/// Does `work` until `meanwhile` is done. The error of `work` says more than that of `meanwhile`.
pub(crate) fn beside<T>(
    work: impl FnOnce(&Stop) -> anyhow::Result<()> + Send,
    meanwhile: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let stop = Stop::default();
    thread::scope(|scope| {
        let until = stop.on_drop();
        let worker = scope.spawn(|| work(&stop));
        let outcome = meanwhile();
        drop(until);
        let done = worker.join().map_err(|_| anyhow!("a thread panicked"))?;
        done.and(outcome)
    })
}

/// Times packets of `len_bytes` from the first host to the second and back, one at a time.
pub(crate) fn ping(
    pair: &HostPair,
    cores: &Cores,
    waiting: Waiting,
    len_bytes: usize,
    length: Duration,
) -> anyhow::Result<Figures> {
    let (bound, address) = channel();
    let echo = |stop: &Stop| {
        let socket = open(&pair.second, cores, Place::Second, waiting)?;
        bound.send(socket.local_addr()?).context("nobody pings")?;
        until(stop, |packet| {
            let (len, from) = socket.recv_from(packet)?;
            // A packet that can't be sent is lost; the other end notices.
            let _ = socket.send_to(&packet[..len], from);
            Ok(())
        })
    };
    beside(echo, || {
        let to = address
            .recv_timeout(PATIENCE)
            .context("the UDP echo did not start")?;
        let ping = || time_round_trips(&pair.first, cores, waiting, to, len_bytes, length);
        pair.first.run(ping)?
    })
}

/// Does a task of `xskit bench` with one packet per call, and sends to `to`.
pub(crate) fn work(
    task: Task,
    host: &Host,
    (len_bytes, to): (usize, SocketAddr),
    stop: &Stop,
) -> anyhow::Result<()> {
    host.namespace.enter()?;
    let port = if task == Task::Tx { 0 } else { to.port() };
    let socket = UdpSocket::bind((host.ipv4, port)).context("a UDP socket")?;
    socket.set_read_timeout(Some(LOST_AFTER))?;
    match task {
        Task::Tx => {
            socket.connect(to).context("connect")?;
            let payload = vec![0; len_bytes.saturating_sub(HEADERS_LEN)];
            // `send(2)` waits while the socket's buffer is full.
            until(stop, |_| socket.send(&payload).map(drop))
        }
        Task::Rx => until(stop, |packet| socket.recv(packet).map(drop)),
        Task::Fwd | Task::Ping => until(stop, |packet| {
            let len = socket.recv(packet)?;
            socket.send_to(&packet[..len], to).map(drop)
        }),
    }
}

fn until(stop: &Stop, mut step: impl FnMut(&mut [u8]) -> io::Result<()>) -> anyhow::Result<()> {
    let mut packet = [0; 2048];
    while !stop.is_set() {
        match step(&mut packet) {
            Err(error) if !is_nothing_yet(&error) => return Err(error).context("a UDP socket"),
            _ => {}
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
            times.push(time.as_secs_f64() * 1e6);
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

fn is_nothing_yet(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

fn thread_cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Sends packets of `len_bytes` to a port of the second host, `rate` per second, for as long as
/// `meanwhile` takes.
pub(crate) fn at_a_pace<T>(
    pair: &HostPair,
    cores: &Cores,
    (rate, len_bytes, port): (u32, usize, u16),
    meanwhile: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let send = |stop: &Stop| {
        let socket = open(&pair.first, cores, Place::First, Waiting::Block)?;
        let to = (pair.second.ipv4, port);
        socket.connect(to).context("connect")?;
        keep_pace(&socket, rate, len_bytes, stop);
        Ok(())
    };
    beside(send, meanwhile)
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
            // Without a listener, ICMP errors are reported here; they change nothing.
            let _ = socket.send(&payload);
            sent += 1;
        } else {
            std::hint::spin_loop();
        }
    }
}

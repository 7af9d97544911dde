//! `xskit get`: one file over HTTP/3.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use xskit::net::Changes;
use xskit::quic::client::{
    ClientEvent, ConnectionEnd, RequestError, RequestId, ResponseHead, Trust,
};
use xskit::quic::driver::DriverConfig;
use xskit::quic::{Client, ClientConfig, udp_payload_for_mtu};
use xskit::wire;

use crate::args::GetArgs;
use crate::attached::Attached;
use crate::attempts::{self, Attempts};
use crate::drops::Drops;
use crate::nic::Nic;
use crate::output::Output;
use crate::own::{Taking, Wanted};
use crate::path::{self, Path, Way};
use crate::report::{self, Report, grouped};
use crate::serve::hold_port;
use crate::session::{self, Driver, Socket};
use crate::stop::{LONGEST_WAIT, Stop};
use crate::target::Target;
use crate::usage::Usage;
use crate::zone;

/// Bytes taken from the connection at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// How long the farewell to the server may take.
const FAREWELL: Duration = Duration::from_millis(200);

pub(crate) fn run(args: &GetArgs) -> anyhow::Result<()> {
    let begun = Instant::now();
    let target: Target = args.url.parse()?;
    let addresses = target.resolve(&args.resolve, args.timeout)?;
    let left = args.timeout.saturating_sub(begun.elapsed());
    let mut nic = Nic::find(&args.socket)?;
    let addresses = addresses
        .into_iter()
        .map(|address| zone::on(address, &nic.link))
        .collect::<anyhow::Result<_>>()?;
    nic.avoid_redelivery();
    let mut attempts = Attempts::new(&target.host, addresses, left);
    let attempt = Attempt::next(args, &target, &nic, &mut attempts, None)?;
    let output = Output::create(&args.output)?;
    let task = Get {
        client: attempt.client,
        way: attempt.way,
        peer: attempt.peer,
        local: attempt.local,
        port_holder: attempt.port_holder,
        attempts,
        prepared: Instant::now(),
        stop: Stop::on_signals()?,
        args,
        nic: &nic,
        target: &target,
        output,
    };
    let summary = session::run(&nic, |socket| task.run(socket))?;
    report::print(&summary, args.json)
}

/// An address to try: the client, and the socket that holds its port.
struct Attempt {
    client: Client<wire::Link>,
    way: Way,
    peer: SocketAddr,
    local: SocketAddr,
    port_holder: UdpSocket,
}

impl Attempt {
    /// The next address that there is a way to. The port `held` stays, if the way begins at its address.
    fn next(
        args: &GetArgs,
        target: &Target,
        nic: &Nic,
        attempts: &mut Attempts,
        held: Option<&UdpSocket>,
    ) -> anyhow::Result<Self> {
        while let Some(peer) = attempts.next() {
            let path = match path::find(&nic.link, peer.ip(), attempts.share()) {
                Ok(path) => path,
                Err(error) => {
                    attempts.failed(peer, error);
                    continue;
                }
            };
            let is_same =
                |held: &&UdpSocket| held.local_addr().is_ok_and(|it| it.ip() == path.source);
            let port_holder = match held.filter(is_same) {
                Some(held) => held.try_clone().context("fcntl(F_DUPFD_CLOEXEC)")?,
                None => hold_port(zone::on(SocketAddr::new(path.source, 0), &nic.link)?)?,
            };
            // So that the kernel tells it of ICMP messages; where it can't, the time limit has to do.
            let _ = port_holder.connect(peer);
            let peer = zone::bare(peer);
            let remaining = attempts.remaining();
            let link = wire::Link::new(nic.link.require_mac()?.into(), path.next_hop);
            return Ok(Self {
                client: client(args, target, peer, &path, &port_holder, link, remaining)?,
                way: Way::new(peer.ip(), link),
                peer,
                local: zone::bare(port_holder.local_addr().context("getsockname")?),
                port_holder,
            });
        }
        Err(attempts.error().context(format!("fetching {}", args.url)))
    }
}

fn client(
    args: &GetArgs,
    target: &Target,
    peer: SocketAddr,
    path: &Path,
    port_holder: &UdpSocket,
    link: wire::Link,
    remaining: Duration,
) -> anyhow::Result<Client<wire::Link>> {
    let trust = match &args.ca {
        Some(file) => Trust::File(file.clone()),
        None if args.insecure => Trust::Anyone,
        None => Trust::System,
    };
    let mut config = ClientConfig::new(&target.host, target.port, trust);
    config.handshake_timeout = remaining;
    config.progress_timeout = args.timeout;
    config.transport.idle_timeout = args.timeout;
    config.transport.max_udp_payload_bytes =
        udp_payload_for_mtu(path.mtu_bytes as usize, peer.is_ipv6());
    let local = zone::bare(port_holder.local_addr().context("getsockname")?);
    Ok(Client::new(&config, local, peer, link, Instant::now())?)
}

struct Get<'a> {
    args: &'a GetArgs,
    nic: &'a Nic,
    target: &'a Target,
    client: Client<wire::Link>,
    way: Way,
    peer: SocketAddr,
    local: SocketAddr,
    port_holder: UdpSocket,
    attempts: Attempts,
    /// Since when the address that is next waits for a socket and the XDP program.
    prepared: Instant,
    output: Output,
    stop: Stop,
}

impl Get<'_> {
    fn run(mut self, socket: &mut Socket<'_>) -> anyhow::Result<GetSummary> {
        let mut driver = Driver::new(socket, DriverConfig::default());
        let (mut attached, started, outcome) = self.fetch(&mut driver)?;
        let mode = attached.mode(driver.socket());
        let seconds = started.elapsed().as_secs_f64();
        self.say_farewell(&mut driver);
        if let Err(error) = outcome {
            return Err(self.output.break_off(&attached.explain(error)));
        }
        attached.warn();
        GetSummary::take(self, mode, seconds, &mut driver, &attached)
    }
}

impl Get<'_> {
    /// Attaches the XDP program for the address that packets go out from, and again where the next of
    /// the server's addresses is reached from another; then runs the request to its end. Also returns
    /// since when packets could leave.
    fn fetch(
        &mut self,
        driver: &mut Driver<'_, '_>,
    ) -> anyhow::Result<(Attached, Instant, anyhow::Result<()>)> {
        loop {
            let local = self.local;
            let taking = Taking::Own(Wanted::new(local.port(), local.ip()));
            let attached = self.nic.attach(driver.socket(), &self.stop, &taking)?;
            let mut attached = attached.by_chance();
            let started = Instant::now();
            self.attempts
                .postpone(started.duration_since(self.prepared));
            self.client.restart_handshake_timeout(started);
            let outcome = match self.connect(driver, &mut attached) {
                Ok(()) if self.local != local => continue,
                Ok(()) => self.transfer(driver, &mut attached),
                Err(error) => Err(error),
            };
            return Ok((attached, started, outcome));
        }
    }

    /// Tries the server's addresses until one answers, or is to be reached from another address of
    /// this host.
    fn connect(
        &mut self,
        driver: &mut Driver<'_, '_>,
        attached: &mut Attached,
    ) -> anyhow::Result<()> {
        let local = self.local;
        while local == self.local {
            let Some(error) = self.shake_hands(driver, attached)? else {
                return Ok(());
            };
            self.attempts.failed(self.peer, error);
            let (args, held) = (self.args, &self.port_holder);
            let attempts = &mut self.attempts;
            let attempt = Attempt::next(args, self.target, self.nic, attempts, Some(held))?;
            self.client = attempt.client;
            self.way = attempt.way;
            self.peer = attempt.peer;
            self.local = attempt.local;
            self.port_holder = attempt.port_holder;
            self.prepared = Instant::now();
        }
        Ok(())
    }

    /// Runs the handshake to its end. Returns why the address does not answer, if it doesn't.
    fn shake_hands(
        &mut self,
        driver: &mut Driver<'_, '_>,
        attached: &mut Attached,
    ) -> anyhow::Result<Option<anyhow::Error>> {
        let nic = self.nic;
        let failed = |error| nic.socket_failed(error);
        let (begun, share) = (Instant::now(), self.attempts.share());
        while !self.client.is_connected() {
            let moved = driver.turn(&mut self.client).map_err(failed)?;
            match self.client.poll_event() {
                Some(ClientEvent::Closed(end @ ConnectionEnd::Unreachable { .. })) => {
                    return Ok(Some(anyhow!(end)));
                }
                Some(ClientEvent::Closed(end)) => return Err(self.ended(end)),
                _ => {}
            }
            if self.client.stats().packets_received == 0 {
                // Once the server has answered, nobody else is believed.
                let refusal = attempts::refusal(&self.port_holder, self.peer);
                let is_late = !self.attempts.is_last() && begun.elapsed() >= share;
                let silence = || anyhow!(ConnectionEnd::Unreachable { after: share });
                if let Some(error) = refusal.or_else(|| is_late.then(silence)) {
                    return Ok(Some(error));
                }
            }
            ensure!(!self.stop.is_asked(), "interrupted");
            let rested = driver
                .rest(&mut self.client, moved, LONGEST_WAIT)
                .map_err(failed)?;
            self.follow_way(attached.watch(rested));
            attached.watch_length(rested, driver.socket());
        }
        Ok(None)
    }

    /// Runs the request to its end.
    fn transfer(
        &mut self,
        driver: &mut Driver<'_, '_>,
        attached: &mut Attached,
    ) -> anyhow::Result<()> {
        let bar = ProgressBar::no_length();
        let outcome = self.follow(driver, attached, &bar);
        // However it went: what is printed next must not run into the bar.
        bar.finish_and_clear();
        outcome
    }

    fn follow(
        &mut self,
        driver: &mut Driver<'_, '_>,
        attached: &mut Attached,
        bar: &ProgressBar,
    ) -> anyhow::Result<()> {
        let nic = self.nic;
        let failed = |error| nic.socket_failed(error);
        let request = self.client.get(&self.target.path, None);
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let moved = driver.turn(&mut self.client).map_err(failed)?;
            if self.handle_events(request, &mut chunk, bar)? {
                return Ok(());
            }
            ensure!(!self.stop.is_asked(), "interrupted");
            let rested = driver
                .rest(&mut self.client, moved, LONGEST_WAIT)
                .map_err(failed)?;
            self.follow_way(attached.watch(rested));
            attached.watch_length(rested, driver.socket());
        }
    }

    fn follow_way(&mut self, changes: Changes) {
        if let Some(link) = self.way.follow(&self.nic.link, changes) {
            self.client.set_link(link);
        }
    }

    /// Takes what the last turn brought; true when the file is complete.
    fn handle_events(
        &mut self,
        request: RequestId,
        chunk: &mut [u8],
        bar: &ProgressBar,
    ) -> anyhow::Result<bool> {
        while let Some(event) = self.client.poll_event() {
            match event {
                ClientEvent::Connected => {}
                ClientEvent::Response(_, head) => self.check(&head, bar)?,
                ClientEvent::Body(_) => self.take_body(request, chunk, bar)?,
                ClientEvent::Finished(_) => return Ok(true),
                ClientEvent::Failed(_, error @ RequestError::Stalled { .. }) => {
                    return Err(anyhow!("{error} (--timeout)"));
                }
                ClientEvent::Failed(_, error) => return Err(anyhow!(error)),
                ClientEvent::Closed(end) => return Err(self.ended(end)),
            }
        }
        Ok(false)
    }

    fn check(&self, head: &ResponseHead, bar: &ProgressBar) -> anyhow::Result<()> {
        ensure!(
            head.status == 200,
            "the server answered {} to {}",
            status_text(head.status),
            self.args.url
        );
        if let Some(len_bytes) = head.content_length {
            bar.set_length(len_bytes);
            bar.set_style(ProgressStyle::with_template(
                "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            )?);
        }
        Ok(())
    }

    fn take_body(
        &mut self,
        request: RequestId,
        chunk: &mut [u8],
        bar: &ProgressBar,
    ) -> anyhow::Result<()> {
        loop {
            let len = self.client.read_body(request, chunk);
            let Some(bytes) = chunk.get(..len).filter(|bytes| !bytes.is_empty()) else {
                bar.set_position(self.output.bytes());
                return Ok(());
            };
            self.output.write(bytes)?;
        }
    }

    fn ended(&self, end: ConnectionEnd) -> anyhow::Error {
        let url = &self.args.url;
        if self.output.bytes() == 0 {
            anyhow!(end).context(format!("fetching {url}"))
        } else {
            anyhow!(end).context(format!("the download of {url} broke off"))
        }
    }

    /// Tells the server that we are done. Whether it hears it makes no difference to the file.
    fn say_farewell(&mut self, driver: &mut Driver<'_, '_>) {
        if self.client.is_over() {
            return;
        }
        self.client.close(Instant::now());
        let deadline = Instant::now() + FAREWELL;
        while Instant::now() < deadline {
            match driver.turn(&mut self.client) {
                Ok(true) => {}
                Ok(false) | Err(_) => return,
            }
        }
    }
}

fn status_text(status: u16) -> String {
    http::StatusCode::from_u16(status).map_or(status.to_string(), |status| status.to_string())
}

/// What a download was like.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GetSummary {
    pub(crate) url: String,
    pub(crate) file: String,
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    pub(crate) goodput_mbps: f64,
    pub(crate) sha256: String,
    pub(crate) mode: String,
    /// Packets in both directions.
    pub(crate) packets: u64,
    #[serde(flatten)]
    pub(crate) usage: Usage,
    pub(crate) drops: Drops,
    rtt_us: u64,
}

impl GetSummary {
    fn take(
        get: Get<'_>,
        mode: String,
        seconds: f64,
        driver: &mut Driver<'_, '_>,
        attached: &Attached,
    ) -> anyhow::Result<Self> {
        let counters = driver.counters().clone();
        let socket = driver.socket();
        let statistics = socket.statistics().context("getsockopt(XDP_STATISTICS)")?;
        let bytes = get.output.bytes();
        let packets = counters.received + counters.sent;
        Ok(Self {
            url: get.args.url.clone(),
            file: get.args.output.display().to_string(),
            bytes,
            seconds,
            goodput_mbps: bytes as f64 * 8.0 / 1e6 / seconds.max(f64::MIN_POSITIVE),
            sha256: get.output.finish()?,
            mode,
            packets,
            usage: Usage::take(socket, get.nic, packets),
            drops: Drops::gather(&statistics, attached, &counters)?,
            rtt_us: u64::try_from(get.client.stats().rtt.as_micros()).unwrap_or(u64::MAX),
        })
    }
}

impl Report for GetSummary {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            (
                "file",
                format!("{} ({} bytes)", self.file, grouped(self.bytes)),
            ),
            ("SHA-256", self.sha256.clone()),
            ("mode", format!("{}, {}", self.mode, self.usage.driving())),
            (
                "goodput",
                format!("{:.0} Mbit/s ({:.2} s)", self.goodput_mbps, self.seconds),
            ),
            ("packets", grouped(self.packets)),
        ];
        rows.extend(self.usage.rows());
        rows.push(("dropped", self.drops.describe()));
        rows
    }
}

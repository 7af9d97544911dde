//! `Bout`: one case between two peers, each a process, with the relay between them.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use xskit_quic::cert::{Authority, Validity};

use crate::UNSUPPORTED;
use crate::case::{Case, Demand};
use crate::keys;
use crate::peer::{Peer, Places};
use crate::relay::{From, Relay, Seen};
use crate::setting::{Protocol, Role, Url};

/// How long a server may take to open its port, including Python's start.
const START: Duration = Duration::from_secs(20);

/// For the client's last packets, in addition to the delay.
const LAST: Duration = Duration::from_millis(100);

/// How long it may take to end after SIGTERM.
const END: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Bout {
    pub(crate) server: Peer,
    pub(crate) client: Peer,
    pub(crate) case: &'static Case,
}

/// The outcome.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Passed(String),
    Failed(String),
    Unsupported(String),
}

/// The folders and files of a bout.
struct Ground {
    folder: TempDir,
    places: Places,
    names: Vec<String>,
}

impl Bout {
    pub(crate) async fn run(self) -> Outcome {
        for (peer, role) in [(self.server, Role::Server), (self.client, Role::Client)] {
            if let Some(reason) = peer.lacks(role, self.case) {
                return Outcome::Unsupported(reason.to_owned());
            }
        }
        let mut before = String::new();
        for attempt in 1.. {
            let began = Instant::now();
            match self.fight(attempt).await {
                Ok(Some(seen)) => {
                    let note = self.passed(&seen, began.elapsed());
                    return Outcome::Passed(note + &before);
                }
                Ok(None) => break,
                Err(error) if attempt >= self.case.attempts() => {
                    return Outcome::Failed(format!("{error:#}{before}"));
                }
                Err(error) => before += &format!(" (attempt {attempt}: {error:#})"),
            }
        }
        Outcome::Unsupported("one of them says that it can't".to_owned())
    }

    fn passed(self, seen: &Seen, took: Duration) -> String {
        let bytes: usize = self.case.files.iter().sum();
        let mut note = format!("{:.1} s", took.as_secs_f64());
        if self.case.name == "goodput" {
            note += &format!(", {:.1} Mbit/s", bytes as f64 * 8e-6 / took.as_secs_f64());
        }
        for (count, what) in [
            (seen.lost, "lost"),
            (seen.overflowed, "dropped by the queue"),
            (seen.corrupted, "corrupted"),
            (seen.rebinds, "rebinds"),
        ] {
            if count > 0 {
                note += &format!(", {count} {what}");
            }
        }
        note
    }

    /// `None` if an end cannot run the case.
    async fn fight(self, attempt: u64) -> anyhow::Result<Option<Seen>> {
        let ground = Ground::new(self.case)?;
        let own: IpAddr = match self.case.demand {
            Demand::Ipv6 => Ipv6Addr::LOCALHOST.into(),
            _ => Ipv4Addr::LOCALHOST.into(),
        };
        let port = UdpSocket::bind((own, 0))?.local_addr()?.port();
        let address = SocketAddr::new(own, port);
        let line = self.server.server(self.case, &ground.places, port);
        let mut server = self.start(&ground, Role::Server, &line, &[], address)?;
        if !is_listening(&mut server, port).await? {
            return Ok(None);
        }
        let relay = Relay::start(self.case.network, address, attempt).await?;
        let urls = ground.urls(relay.address);
        let fetching = timeout(self.case.patience, self.fetch(&ground, &urls, address));
        let is_played = match fetching.await {
            Ok(fetched) => fetched.map_err(|error| ground.explain(error))?,
            Err(_) => {
                let error = anyhow::anyhow!("not done in {:?}", self.case.patience);
                return Err(ground.explain(error));
            }
        };
        // Lets datagrams under way arrive.
        sleep(2 * self.case.network.delay + LAST).await;
        end(&mut server).await?;
        if !is_played {
            return Ok(None);
        }
        let seen = relay.seen();
        let checked = ground.compare(self.case).and_then(|()| {
            self.check_network(&seen)?;
            self.check_ends(&ground, &seen)
        });
        checked.map_err(|error| ground.explain(error))?;
        Ok(Some(seen))
    }

    /// Runs the client's programs. False if one cannot run the case.
    async fn fetch(
        self,
        ground: &Ground,
        urls: &[Url],
        address: SocketAddr,
    ) -> anyhow::Result<bool> {
        for line in self.client.client(self.case, &ground.places, urls) {
            let mut client = self.start(ground, Role::Client, &line, urls, address)?;
            let status = client.wait().await?;
            if status.code() == Some(UNSUPPORTED.into()) {
                return Ok(false);
            }
            ensure!(status.success(), "the client ended with {status}");
        }
        Ok(true)
    }

    fn start(
        self,
        ground: &Ground,
        role: Role,
        line: &[String],
        urls: &[Url],
        listen: SocketAddr,
    ) -> anyhow::Result<Child> {
        let (program, words) = line.split_first().context("no command")?;
        let (name, case) = match role {
            Role::Server => ("server", self.case.server),
            Role::Client => ("client", self.case.client),
        };
        let requests: Vec<String> = urls.iter().map(Url::text).collect();
        let places = &ground.places;
        let mut command = Command::new(program);
        command
            .args(words)
            .env("ROLE", name)
            .env("TESTCASE", case)
            .env("REQUESTS", requests.join(" "))
            .env("ALPN", self.protocol().name())
            .env("LISTEN", listen.to_string())
            .env("WWW", &places.www)
            .env("CERTS", &places.certs)
            .env("DOWNLOADS", &places.downloads)
            .env("SSLKEYLOGFILE", &places.keylog)
            .stdin(Stdio::null())
            .stdout(ground.log(name, "out")?)
            .stderr(ground.log(name, "err")?)
            .kill_on_drop(true);
        command
            .spawn()
            .with_context(|| format!("{program} can't be run"))
    }

    fn protocol(self) -> Protocol {
        let all = [self.server, self.client].map(|peer| peer.protocol(self.case));
        match all.contains(&Protocol::Http3) {
            true => Protocol::Http3,
            false => Protocol::Hq,
        }
    }

    /// Checks what the relay must have seen and done.
    fn check_network(self, seen: &Seen) -> anyhow::Result<()> {
        let network = self.case.network;
        if network.loss_percent > 0 || network.is_black {
            ensure!(seen.lost > 0, "no datagram was lost");
        }
        if network.corruption_percent > 0 {
            ensure!(seen.corrupted > 0, "no datagram was corrupted");
        }
        match self.case.demand {
            Demand::VersionNegotiation => ensure!(
                seen.version_negotiations > 0,
                "no Version Negotiation packet"
            ),
            Demand::Patience => ensure!(seen.unanswered > 1, "the client said nothing twice"),
            Demand::Retry => ensure!(seen.retries > 0, "no Retry packet"),
            Demand::Migration => ensure!(seen.rebinds > 0, "no rebinding"),
            Demand::Amplification => ensure!(
                seen.amplified_bytes == 0 && seen.lost > 0,
                "{} bytes over the limit, {} datagrams lost",
                seen.amplified_bytes,
                seen.lost
            ),
            Demand::ZeroRtt => ensure!(seen.zero_rtt > 0, "no 0-RTT packet"),
            _ if self.case.name == "handshake" => {
                ensure!(seen.retries == 0, "a Retry packet that nobody asked for");
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks our end's report, or the secrets in its key log.
    fn check_ends(self, ground: &Ground, seen: &Seen) -> anyhow::Result<()> {
        let (report, is_server) = match (self.server, self.client) {
            (Peer::Xskit, _) => (ground.report("server")?, true),
            _ => (ground.report("client")?, false),
        };
        let count = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or(0);
        let connections = count("connections");
        if let Some(due) = self.case.connections() {
            ensure!(
                connections == due as u64,
                "{connections} connections, not {due}"
            );
        }
        let at_least_one = |name: &str| {
            ensure!(count(name) > 0, "{name}: none, says our end");
            Ok(())
        };
        match self.case.demand {
            Demand::Resumption => at_least_one("resumed"),
            Demand::ZeroRtt => at_least_one("resumed").and_then(|()| at_least_one("early")),
            Demand::Migration if is_server => at_least_one("migrations"),
            Demand::ChaCha20 => at_least_one("chacha20"),
            Demand::KeyUpdate => {
                let ends = [
                    (From::Client, From::Server, "CLIENT_TRAFFIC_SECRET_0"),
                    (From::Server, From::Client, "SERVER_TRAFFIC_SECRET_0"),
                ];
                for (from, to, secret) in ends {
                    let (packets, id_len) = (&seen.short[from as usize], seen.id_len[to as usize]);
                    let keylog = &ground.places.keylog;
                    let is_updated = keys::any_updated(keylog, secret, packets, id_len)?;
                    ensure!(is_updated, "{from:?}: no packet under the next keys");
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Ground {
    fn new(case: &Case) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        let places = Places {
            www: at("www"),
            certs: at("certs"),
            downloads: at("downloads"),
            scratch: at("scratch"),
            keylog: at("keys.log"),
        };
        for path in [
            &places.www,
            &places.certs,
            &places.downloads,
            &places.scratch,
        ] {
            fs::create_dir(path)?;
        }
        let mut names = Vec::new();
        for (number, &len) in case.files.iter().enumerate() {
            let mut name = format!("file{number}");
            if case.demand == Demand::ZeroRtt {
                // So that the requests fill packets.
                name = format!("{name:x<250}");
            }
            let content: Vec<u8> = (0..len)
                .map(|at| ((at * 31) ^ (at >> 8) ^ number) as u8)
                .collect();
            fs::write(places.www.join(&name), &content)?;
            names.push(name);
        }
        write_certificates(case, &places.certs)?;
        Ok(Self {
            folder,
            places,
            names,
        })
    }

    /// The URLs of all files at this address.
    fn urls(&self, address: SocketAddr) -> Vec<Url> {
        let url = |path: String| Url {
            host: match address.ip() {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            },
            port: address.port(),
            path,
        };
        if self.names.is_empty() {
            return vec![url("/".to_owned())];
        }
        let paths = self.names.iter().map(|name| format!("/{name}"));
        paths.map(url).collect()
    }

    fn log(&self, end: &str, kind: &str) -> std::io::Result<File> {
        let path = self.folder.path().join(format!("{end}.{kind}"));
        File::options().append(true).create(true).open(path)
    }

    fn read(&self, name: &str) -> String {
        let text = fs::read(self.folder.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The last line of our end's output.
    fn report(&self, end: &str) -> anyhow::Result<Value> {
        let text = self.read(&format!("{end}.out"));
        let line = text.lines().last().context("our end has told nothing")?;
        Ok(serde_json::from_str(line)?)
    }

    /// Adds the ends' last lines on stderr.
    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let mut text = format!("{error:#}");
        for end in ["server", "client"] {
            let complaint = self.read(&format!("{end}.err"));
            if let Some(line) = complaint.lines().rfind(|line| !line.trim().is_empty()) {
                text += &format!("; {end}: {}", line.trim());
            }
        }
        anyhow::anyhow!(text)
    }

    fn compare(&self, case: &Case) -> anyhow::Result<()> {
        if case.demand == Demand::VersionNegotiation {
            return Ok(());
        }
        for name in &self.names {
            let arrived = fs::read(self.places.downloads.join(name));
            let Ok(arrived) = arrived else {
                bail!("{name:.20} did not arrive");
            };
            let sent = fs::read(self.places.www.join(name))?;
            ensure!(
                arrived == sent,
                "{name:.20} differs: {} bytes of {}",
                arrived.len(),
                sent.len()
            );
        }
        Ok(())
    }
}

fn write_certificates(case: &Case, folder: &Path) -> anyhow::Result<()> {
    let authority = Authority::new()?;
    let names = ["127.0.0.1", "::1", "localhost"].map(str::to_owned);
    let issued = authority.issue(&names, Validity::days(1))?;
    let mut chain = issued.certificate.clone();
    if case.demand == Demand::Amplification {
        // Longer than three datagrams, as the runner's is.
        chain += &authority.pem().repeat(9);
    }
    fs::write(folder.join("ca.pem"), authority.pem())?;
    fs::write(folder.join("cert.pem"), chain)?;
    fs::write(folder.join("priv.key"), issued.key.as_bytes())?;
    Ok(())
}

/// Waits for the server's port. False if it cannot run the case.
async fn is_listening(server: &mut Child, port: u16) -> anyhow::Result<bool> {
    let deadline = Instant::now() + START;
    let local = format!(":{port:04X} ");
    loop {
        for table in ["/proc/net/udp", "/proc/net/udp6"] {
            let table = fs::read_to_string(table).unwrap_or_default();
            if table.lines().any(|line| line.contains(&local)) {
                return Ok(true);
            }
        }
        if let Some(status) = server.try_wait()? {
            ensure!(
                status.code() == Some(UNSUPPORTED.into()),
                "the server ended with {status}"
            );
            return Ok(false);
        }
        ensure!(Instant::now() < deadline, "the server opens no port");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Ends a server by SIGTERM.
async fn end(server: &mut Child) -> anyhow::Result<()> {
    let pid = server
        .id()
        .and_then(|id| Pid::from_raw(id.try_into().ok()?));
    let pid = pid.context("the server ended by itself")?;
    kill_process(pid, Signal::TERM)?;
    let ended = timeout(END, server.wait()).await;
    ended.context("the server goes on after SIGTERM")??;
    Ok(())
}

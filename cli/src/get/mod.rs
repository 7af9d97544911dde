//! `xskit get`: one file over HTTP/3.
//!
//! | file | holds |
//! | --- | --- |
//! | `mod.rs` | the connection |
//! | `target.rs` | the URL, and its addresses |
//! | `addresses.rs` | the addresses, tried one after another |
//! | `attempt.rs` | an address to try, and the path to it |
//! | `transfer.rs` | the request, and its answer |
//! | `continuation.rs` | the request for the rest of a file (`-C`) |
//! | `output/` | the file that is written |
//! | `summary.rs` | the report |

mod addresses;
mod attempt;
mod continuation;
mod output;
mod summary;
mod target;
mod transfer;

use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure};
use xskit::quic::ClientConfig;
use xskit::quic::client::{ClientEvent, ConnectionEnd};
use xskit::quic::driver::DriverConfig;

use crate::args::GetArgs;
use crate::nic::Nic;
use crate::nic::attached::Attached;
use crate::nic::own::{Taking, Wanted};
use crate::nic::socket::{self, Driver, Socket};
use crate::report;
use crate::stop::{LONGEST_WAIT, Stop};
use crate::zone;
use addresses::Addresses;
use attempt::Attempt;
use output::Output;
use target::Target;

pub(crate) use continuation::Continuation;
pub(crate) use summary::GetSummary;

/// How long closing the connection may take.
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
    let stop = Stop::on_signals()?;
    let config = attempt::config(args, &target)?;
    let mut output = Output::create(&args.output)?;
    // Before the time limit starts: reading the partial file may take long.
    let continuation = match args.resume {
        true => output.continuation(&target, &stop)?,
        false => None,
    };
    let mut addresses = Addresses::new(&target.host, addresses, left);
    let attempt = match Attempt::next(args, &config, &nic, &mut addresses, None) {
        Ok(attempt) => attempt,
        Err(error) => return Err(output.break_off(&error)),
    };
    let task = Get {
        attempt,
        addresses,
        prepared: Instant::now(),
        stop,
        args,
        nic: &nic,
        target: &target,
        config: &config,
        continuation,
        output,
    };
    let summary = socket::run(&nic, |socket| task.run(socket))?;
    report::print(&summary, args.json)
}

struct Get<'a> {
    args: &'a GetArgs,
    nic: &'a Nic,
    target: &'a Target,
    config: &'a ClientConfig,
    attempt: Attempt,
    addresses: Addresses,
    /// When the next address began to wait for a socket and the XDP program.
    prepared: Instant,
    /// The rest to ask for, until that is answered; `None` is the whole file.
    continuation: Option<Continuation>,
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
            let error = attached.explain(self.attempt.explain(error, self.nic));
            return Err(self.output.break_off(&error));
        }
        attached.warn();
        GetSummary::take(self, mode, seconds, &mut driver, &attached)
    }

    /// Attaches the XDP program for the address that packets go out from, and again where the next
    /// of the server's addresses is reached from another; then runs the request to its end. Also
    /// returns since when packets could leave.
    fn fetch(
        &mut self,
        driver: &mut Driver<'_, '_>,
    ) -> anyhow::Result<(Attached, Instant, anyhow::Result<()>)> {
        loop {
            let local = self.attempt.local;
            let taking = Taking::Own(Wanted::new(local.port(), local.ip()));
            let attached = self.nic.attach(driver.socket(), &self.stop, &taking)?;
            let mut attached = attached.by_chance();
            let started = Instant::now();
            self.addresses
                .postpone(started.duration_since(self.prepared));
            self.attempt.client.restart_handshake_timeout(started);
            let outcome = match self.connect(driver, &mut attached) {
                Ok(()) if self.attempt.local != local => continue,
                Ok(()) => self.transfer(driver, &mut attached),
                Err(error) => Err(error),
            };
            return Ok((attached, started, outcome));
        }
    }

    /// Tries the server's addresses until one answers, or the next needs another local address.
    fn connect(
        &mut self,
        driver: &mut Driver<'_, '_>,
        attached: &mut Attached,
    ) -> anyhow::Result<()> {
        let local = self.attempt.local;
        while local == self.attempt.local {
            let Some(error) = self.shake_hands(driver, attached)? else {
                return Ok(());
            };
            let addresses = &mut self.addresses;
            addresses.failed(self.attempt.peer, error);
            let held = Some(&self.attempt.port_holder);
            self.attempt = Attempt::next(self.args, self.config, self.nic, addresses, held)?;
            self.prepared = Instant::now();
        }
        Ok(())
    }

    /// Runs the handshake. Returns why the address does not answer, if it doesn't.
    fn shake_hands(
        &mut self,
        driver: &mut Driver<'_, '_>,
        attached: &mut Attached,
    ) -> anyhow::Result<Option<anyhow::Error>> {
        let nic = self.nic;
        let (begun, share) = (Instant::now(), self.addresses.share());
        while !self.attempt.client.is_connected() {
            let client = &mut self.attempt.client;
            let moved = driver.turn(client);
            let moved = moved.map_err(|error| nic.socket_failed(error))?;
            match client.poll_event() {
                Some(ClientEvent::Closed(end @ ConnectionEnd::Unreachable { .. })) => {
                    return Ok(Some(anyhow!(end)));
                }
                Some(ClientEvent::Closed(end)) => return Err(self.ended(end)),
                _ => {}
            }
            if client.stats().packets_received == 0 {
                // Once the server has answered, ICMP messages are not believed.
                let refusal = addresses::refusal(&self.attempt.port_holder, self.attempt.peer);
                let is_late = !self.addresses.is_last() && begun.elapsed() >= share;
                let silence = || anyhow!(ConnectionEnd::Unreachable { after: share });
                if let Some(error) = refusal.or_else(|| is_late.then(silence)) {
                    return Ok(Some(error));
                }
            }
            self.rest(driver, attached, moved)?;
            if let Some(loss) = self.attempt.loss(nic) {
                return Ok(Some(anyhow!(
                    "{loss} before the server answered; try again"
                )));
            }
        }
        Ok(None)
    }

    /// Call after each turn, which `moved` something or not: waits until there is something to do,
    /// and follows changes of the interface and of the path to the server.
    fn rest(
        &mut self,
        driver: &mut Driver<'_, '_>,
        attached: &mut Attached,
        moved: bool,
    ) -> anyhow::Result<()> {
        ensure!(!self.stop.is_asked(), "interrupted");
        let (nic, attempt) = (self.nic, &mut self.attempt);
        let rested = driver.rest(&mut attempt.client, moved, LONGEST_WAIT);
        let rested = rested.map_err(|error| nic.socket_failed(error))?;
        let changes = attached.watch(rested);
        attached.watch_length(rested, driver.socket());
        attempt.follow(nic, attached, changes);
        Ok(())
    }

    /// Closes the connection. Whether the server hears it makes no difference to the file.
    fn say_farewell(&mut self, driver: &mut Driver<'_, '_>) {
        if self.attempt.client.is_over() {
            return;
        }
        self.attempt.client.close(Instant::now());
        let deadline = Instant::now() + FAREWELL;
        while Instant::now() < deadline {
            match driver.turn(&mut self.attempt.client) {
                Ok(true) => {}
                Ok(false) | Err(_) => return,
            }
        }
    }
}

//! `xskit demo`: a file over HTTP/3 over AF_XDP between two temporary hosts.
//!
//! The hosts are unnamed network namespaces, joined by a veth pair (or by two cards, if
//! `XSKIT_CARDS` names them); they vanish with this process, however it ends. `xskit serve` runs in
//! one, `xskit get` in the other, and meanwhile this process pings from host to host through the
//! kernel's own stack.

mod file;
mod hosts;
mod ping;
mod summary;

use anyhow::{Context, ensure};
use xskit_testbed::{HostPair, HostPairConfig, cards};

use crate::args::DemoArgs;
use crate::report;
use crate::stop::Stop;
use file::DemoFile;
use hosts::{Client, Server};
use ping::Pinger;
use summary::DemoSummary;

/// The name that the demo's certificate is for.
const SERVER_NAME: &str = "server.xskit.test";
const PORT: u16 = 4433;

pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<()> {
    let stop = Stop::on_signals()?;
    let hosts = HostPair::new(HostPairConfig::default())?;
    let scratch = tempfile::Builder::new()
        .prefix("xskit-demo-")
        .tempdir()
        .context("creating a directory for the demo's files")?;
    let file = DemoFile::prepare(args, scratch.path(), &stop)?;
    let wire = if cards::are_named() {
        "two cards"
    } else {
        "veth"
    };
    report::say(format_args!(
        "xskit: {} ── {wire} ── {}: {} bytes over HTTP/3 over AF_XDP",
        hosts.first.ipv4, hosts.second.ipv4, file.bytes
    ));
    let server = Server::start(args, &hosts.second, &file, scratch.path())?;
    let pinger = Pinger::start(&hosts.first, hosts.second.ipv4)?;
    let got = Client::start(args, &hosts, &file, scratch.path())?.finish(&stop)?;
    let pings = pinger.finish()?;
    let served = server.finish()?;
    ensure!(
        got.sha256 == file.sha256,
        "the file changed on the way: SHA-256 {} was sent, {} arrived",
        file.sha256,
        got.sha256
    );
    ensure!(
        pings.answered > 0,
        "the kernel's stack answered none of {} pings during the transfer",
        pings.sent
    );
    report::print(&DemoSummary::new(got, served, pings), args.json)
}

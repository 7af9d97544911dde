//! Options of `xskit get`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;

use super::diagnostics::DiagnosticArgs;
use super::quantity::some_seconds;
use super::socket::SocketArgs;
use crate::zone;

#[derive(Debug, clap::Args)]
pub(crate) struct GetArgs {
    /// What to fetch: https://HOST[:PORT]/PATH
    pub(crate) url: String,
    /// The file to write. Its name ends in `.part` until it is complete.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Continue from what an interrupted download left in FILE.part, if the server still has that
    /// version of the file; otherwise start over.
    #[arg(short = 'C', long = "continue")]
    pub(crate) resume: bool,
    /// Trust the authorities in this PEM file, and no others.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) ca: Option<PathBuf>,
    /// Accept any certificate: anyone on the path can then read and change everything.
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Use this address for a host and port; if given several times, try each.
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    pub(crate) resolve: Vec<Resolve>,
    /// How long connecting may take, name resolution, all addresses and the handshake included; and
    /// how long the server may then be silent, or the download make no progress.
    #[arg(
        long,
        value_name = "S",
        default_value = "10",
        value_parser = some_seconds,
        allow_negative_numbers = true
    )]
    pub(crate) timeout: Duration,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) diagnostics: DiagnosticArgs,
    #[command(flatten)]
    pub(crate) socket: SocketArgs,
}

/// `HOST:PORT:ADDRESS`: the address of a host, as in curl's option of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolve {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) address: IpAddr,
    pub(crate) zone: u32,
}

impl FromStr for Resolve {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let form = || format!("{text:?} is not HOST:PORT:ADDRESS");
        let (host, rest) = text.split_once(':').with_context(form)?;
        let (port, address) = rest.split_once(':').with_context(form)?;
        let address = address
            .strip_prefix('[')
            .and_then(|address| address.strip_suffix(']'))
            .unwrap_or(address);
        let (address, zone) = zone::address(address).with_context(form)?;
        Ok(Self {
            host: host.to_owned(),
            port: port.parse().with_context(form)?,
            address,
            zone,
        })
    }
}

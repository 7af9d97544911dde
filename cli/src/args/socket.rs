//! Options of an interface and its sockets.

use std::collections::BTreeSet;
use std::str::FromStr;

use anyhow::Context;
use clap::builder::NonEmptyStringValueParser;
use clap::{ValueEnum, value_parser};
use xskit::af_xdp::socket::ZeroCopy;
use xskit::bpf::AttachMode;

use super::driving::{DrivingArgs, value_name};

/// With fewer frames QUIC hardly gets a packet through: the fill ring holds half of them.
const MIN_FRAMES: i64 = 16;

/// Options of every command that opens a socket on an interface.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Socket")]
pub(crate) struct SocketArgs {
    /// The interface, by its name or an alternative name.
    #[arg(long, value_name = "IF", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) iface: String,
    /// The queue of the interface.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) queue: u32,
    #[command(flatten)]
    pub(crate) tuning: TuningArgs,
}

/// Options of every command that opens a socket.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Socket")]
pub(crate) struct TuningArgs {
    /// Where the XDP program runs: in the driver (native) or in the kernel's stack (generic).
    #[arg(long, value_enum, default_value_t = Mode::Auto)]
    pub(crate) mode: Mode,
    /// Whether to use zero-copy mode: if the driver has it, only, or not.
    #[arg(long, value_enum, default_value_t = Copying::Auto)]
    pub(crate) zero_copy: Copying,
    /// Frames in the UMEM.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8192,
        value_parser = value_parser!(u32).range(MIN_FRAMES..)
    )]
    pub(crate) frames: u32,
    /// Bytes per frame: 2048 or 4096 (a power of two, at most a page).
    #[arg(long, value_name = "BYTES", default_value_t = 4096)]
    pub(crate) frame_size: u32,
    /// Slots of each ring, a power of two.
    #[arg(long, value_name = "N", default_value_t = 4096)]
    pub(crate) ring_size: u32,
    /// Use pages of 2 MiB for the UMEM, if any are reserved (vm.nr_hugepages).
    #[arg(long)]
    pub(crate) huge_pages: bool,
    /// Allocate the UMEM on this NUMA node; the device's own is best
    /// (/sys/class/net/IF/device/numa_node).
    #[arg(long, value_name = "NODE")]
    pub(crate) numa_node: Option<u32>,
    #[command(flatten)]
    pub(crate) driving: DrivingArgs,
}

impl TuningArgs {
    /// The same options as command-line words.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = vec![
            format!("--mode={}", value_name(&self.mode)),
            format!("--zero-copy={}", value_name(&self.zero_copy)),
            format!("--frames={}", self.frames),
            format!("--frame-size={}", self.frame_size),
            format!("--ring-size={}", self.ring_size),
        ];
        words.extend(self.driving.words());
        if self.huge_pages {
            words.push("--huge-pages".to_owned());
        }
        words.extend(self.numa_node.map(|node| format!("--numa-node={node}")));
        words
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Native, or generic if the driver doesn't support native.
    Auto,
    /// In the driver, or an error.
    Native,
    /// In the kernel's stack: works with every driver, slower.
    Generic,
}

impl From<Mode> for AttachMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Auto => Self::Auto,
            Mode::Native => Self::Native,
            Mode::Generic => Self::Generic,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Copying {
    /// Zero-copy if the driver supports it, and for receiving only if it does so correctly.
    Auto,
    /// Zero-copy, or an error.
    Force,
    /// Always copy.
    Refuse,
}

impl From<Copying> for ZeroCopy {
    fn from(copying: Copying) -> Self {
        match copying {
            Copying::Auto => Self::Auto,
            Copying::Force => Self::Force,
            Copying::Refuse => Self::Refuse,
        }
    }
}

/// Queues of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueueChoice {
    /// All that are active.
    All,
    /// These, each once, in order.
    These(Vec<u32>),
}

impl FromStr for QueueChoice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        if text == "all" {
            return Ok(Self::All);
        }
        let numbers = text.split(',').map(str::parse);
        let numbers = numbers.collect::<Result<BTreeSet<u32>, _>>();
        let numbers = numbers.context("use `all`, or queue numbers such as 0 or 0,1")?;
        Ok(Self::These(numbers.into_iter().collect()))
    }
}

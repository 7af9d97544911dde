//! The interface that a command works on, its sockets and its XDP program.
//!
//! | file | holds |
//! | --- | --- |
//! | `mod.rs` | the interface, found and checked |
//! | `socket.rs` | its sockets: opened, and why one can't be or no longer works |
//! | `attached.rs` | the XDP program on it |
//! | `own.rs` | its addresses, which the program's rules follow |
//! | `strays.rs` | packets on queues without a socket |
//! | `carrier.rs` | the wait for its carrier |
//! | `path.rs` | the path from it to a host |
//! | `port.rs` | a UDP port, held |
//! | `redelivery.rs` | drivers that return frames twice |
//! | `usage.rs`, `drops.rs` | what is counted |
//! | `pace.rs` | how often a loop looks at something else |

pub(crate) mod attached;
pub(crate) mod carrier;
pub(crate) mod drops;
pub(crate) mod own;
mod pace;
pub(crate) mod path;
pub(crate) mod port;
mod redelivery;
pub(crate) mod socket;
pub(crate) mod strays;
pub(crate) mod usage;

use std::fmt;

use anyhow::{Context, bail, ensure};
use rustix::param::page_size;
use xskit::Driving;
use xskit::af_xdp::SocketConfig;
use xskit::af_xdp::ring::RingSize;
use xskit::af_xdp::socket::ZeroCopy;
use xskit::af_xdp::umem::FrameSize;
use xskit::bpf::{AttachMode, device_features};
use xskit::net::Link;

use crate::args::SocketArgs;
use crate::report;

/// Frames that the kernel may have at a time to receive into in copy mode.
const LENT_IN_COPY_MODE: u32 = 512;

/// An interface and the queue asked for, both known to be there.
#[derive(Clone)]
pub(crate) struct Nic {
    pub(crate) link: Link,
    driver: Option<String>,
    pub(crate) config: SocketConfig,
    pub(crate) frame_size: FrameSize,
    frames: u32,
    huge_pages: bool,
    numa_node: Option<u32>,
    /// The mode asked for.
    pub(crate) mode: AttachMode,
    /// The backend asked for.
    pub(crate) driving: Driving,
    /// How to wait, as reports name it.
    pub(crate) wait: String,
}

impl Nic {
    /// Finds and checks the interface, and turns the options into what they mean.
    pub(crate) fn find(args: &SocketArgs) -> anyhow::Result<Self> {
        let driving = args.tuning.driving.driving()?;
        let link = Link::by_name(&args.iface)?;
        link.require_mac()?;
        let link = carrier::wait(&link, None)?;
        let driver = link.driver()?;
        let queues = link.require_queue(args.queue)?;
        tracing::debug!(?queues, "interface {}", link.name);
        let tuning = &args.tuning;
        let ring = RingSize::new(tuning.ring_size).context("--ring-size")?;
        let frame_size = frame_size(tuning.frame_size)?;
        require_fit(&link, frame_size)?;
        let mut config = SocketConfig::new(link.index, args.queue);
        (config.fill, config.completion, config.rx, config.tx) = (ring, ring, ring, ring);
        config.zero_copy = tuning.zero_copy.into();
        tuning.driving.configure(&mut config);
        let mode = tuning.mode.into();
        let (frames, huge_pages) = (tuning.frames, tuning.huge_pages);
        Ok(Self {
            link,
            driver,
            config,
            frame_size,
            frames,
            huge_pages,
            numa_node: tuning.numa_node,
            mode,
            driving,
            wait: tuning.driving.wait_name(),
        })
    }

    /// The same interface at another queue.
    pub(crate) fn at_queue(&self, queue: u32) -> anyhow::Result<Self> {
        self.link.require_queue(queue)?;
        let mut other = self.clone();
        other.config.queue = queue;
        Ok(other)
    }

    /// For a task that only sends: just enough for drivers that require some.
    pub(crate) fn lend_few_frames(&mut self) {
        self.config.fill_frames = Some(self.frames.min(32) / 2);
    }

    /// For a task that receives: how many frames the kernel has at a time; `asked`, if that is
    /// some.
    ///
    /// In copy mode few are best: they stay in the cache. In zero-copy mode the device has them, so
    /// all of them, or half if others are `kept` to send.
    pub(crate) fn lend_frames(&mut self, asked: Option<u32>, kept: bool) {
        self.config.fill_frames = match asked {
            Some(frames) => Some(frames.min(self.frames)),
            None if !self.expects_zero_copy() => Some(self.frames.min(LENT_IN_COPY_MODE)),
            None if kept => None,
            None => Some(self.frames),
        };
    }

    /// For one of several sockets over a UMEM: at most its share.
    pub(crate) fn lend_at_most(&mut self, frames: u32) {
        self.config.fill_frames = self.config.fill_frames.map(|lent| lent.min(frames));
    }

    /// For a task that receives: avoids zero-copy if the driver would return frames twice, unless
    /// it is forced.
    pub(crate) fn avoid_redelivery(&mut self) {
        let uname = rustix::system::uname();
        let release = uname.release().to_string_lossy();
        let driver = self.driver.as_deref().unwrap_or_default();
        if !redelivery::affects(driver, &release) {
            return;
        }
        let fault = format!(
            "{driver} of Linux {release} delivers frames twice in zero-copy mode when its fill \
             ring runs dry"
        );
        match self.config.zero_copy {
            ZeroCopy::Auto => {
                self.config.zero_copy = ZeroCopy::Refuse;
                report::say(format_args!(
                    "xskit: note: {} is used in copy mode: {fault} (--zero-copy force overrides \
                     this)",
                    self.link.name
                ));
            }
            ZeroCopy::Force => report::say(format_args!(
                "xskit: warning: {}: {fault}, and then writes into packets that are being read",
                self.link.name
            )),
            ZeroCopy::Refuse => {}
        }
    }

    /// Whether zero-copy mode is likely; only the open socket knows.
    fn expects_zero_copy(&self) -> bool {
        match self.config.zero_copy {
            ZeroCopy::Force => true,
            ZeroCopy::Refuse => false,
            ZeroCopy::Auto => {
                let features = device_features(self.link.index).ok().flatten();
                self.mode != AttachMode::Generic && features.is_some_and(|it| it.zero_copy)
            }
        }
    }
}

/// `eth1 (driver igb)`.
impl fmt::Display for Nic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let driver = self.driver.as_deref().unwrap_or("unknown");
        write!(f, "{} (driver {driver})", self.link.name)
    }
}

/// A frame size that the kernel takes: no frame crosses a page boundary (`xdp_umem_reg`, EINVAL).
fn frame_size(bytes: u32) -> anyhow::Result<FrameSize> {
    let frame_size = FrameSize::new(bytes).context("--frame-size")?;
    ensure!(
        bytes as usize <= page_size(),
        "--frame-size: a frame of {bytes} bytes is larger than a page, which is {} bytes on this \
         machine",
        page_size()
    );
    Ok(frame_size)
}

/// Checks that the interface's largest packet fits a frame.
fn require_fit(link: &Link, frame_size: FrameSize) -> anyhow::Result<()> {
    let most = frame_size.largest_mtu();
    if link.mtu_bytes <= most {
        return Ok(());
    }
    let larger_frames = if (frame_size.bytes() as usize) < page_size() {
        format!("--frame-size {}, or ", page_size())
    } else {
        String::new()
    };
    bail!(
        "the packets of {0} don't fit frames of {1} bytes: its MTU is {2}, and headers take {3} \
         bytes; use {larger_frames}an MTU of at most {most}: ip link set {0} mtu 1500",
        link.name,
        frame_size.bytes(),
        link.mtu_bytes,
        frame_size.bytes() - most
    )
}

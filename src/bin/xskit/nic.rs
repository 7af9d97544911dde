//! The interface that a command works on: found, checked, its XDP program attached.

use anyhow::{Context, anyhow, bail, ensure};
use rustix::param::page_size;
use xskit::bpf::{AttachMode, Attachment, Error, XdpProgram};
use xskit::core::backend::Backend;
use xskit::core::ring::RingSize;
use xskit::core::umem::FrameSize;
use xskit::core::{Socket, SocketConfig};
use xskit::net::Link;
use xskit::rustix::{MmapMemory, PageSize};

use crate::args::SocketArgs;
use crate::driving::Driving;
use crate::report;

/// The most frames that a command's UMEM may have.
pub(crate) const MAX_FRAMES: usize = 65536;

/// What the kernel's own part of a frame and the headers take, so that the packet still fits:
/// XDP_PACKET_HEADROOM, and an Ethernet header with two VLAN tags.
const FRAME_OVERHEAD_BYTES: u32 = 256 + 22;

/// An interface and the queue asked for, both known to be there.
pub(crate) struct Nic {
    pub(crate) link: Link,
    pub(crate) config: SocketConfig,
    pub(crate) frame_size: FrameSize,
    frames: u32,
    huge_pages: bool,
    mode: AttachMode,
    /// The backend asked for.
    pub(crate) driving: Driving,
    /// How it is to wait, as reports name it.
    pub(crate) wait: String,
}

impl Nic {
    /// Finds and checks the interface, and turns the options into what they mean.
    pub(crate) fn find(args: &SocketArgs) -> anyhow::Result<Self> {
        let driving = args.tuning.driving.driving()?;
        let link = Link::by_name(&args.iface)?;
        link.require_mac()?;
        link.require_up()?;
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
            config,
            frame_size,
            frames,
            huge_pages,
            mode,
            driving,
            wait: tuning.driving.wait_name(),
        })
    }

    /// How many frames the kernel may have at a time to receive into; by default half of all.
    pub(crate) fn lend_frames(&mut self, frames: u32) {
        self.config.fill_frames = Some(frames.min(self.frames));
    }

    /// For a task that only sends: just enough that drivers which insist on it find some.
    pub(crate) fn lend_few_frames(&mut self) {
        self.config.fill_frames = Some(self.frames.min(32) / 2);
    }

    /// Memory for the UMEM.
    pub(crate) fn memory(&self) -> anyhow::Result<MmapMemory> {
        let len_bytes = self.frames as usize * self.frame_size.bytes() as usize;
        let memory = MmapMemory::allocate(len_bytes, self.huge_pages).with_context(|| {
            format!("mmap of {len_bytes} bytes for the UMEM; use fewer --frames")
        })?;
        if let PageSize::FellBack(errno) = memory.pages() {
            report::say(format_args!(
                "xskit: note: no huge pages ({errno}): none are reserved (vm.nr_hugepages); usual ones are used"
            ));
        }
        Ok(memory)
    }

    /// Loads the XDP program, has it take `ports`, and attaches it with `socket` behind it.
    pub(crate) fn attach<B: Backend>(
        &self,
        socket: &Socket<'_, B>,
        take: impl FnOnce(&XdpProgram) -> Result<(), Error>,
    ) -> anyhow::Result<Attached>
    where
        B::Socket: std::os::fd::AsFd,
    {
        use std::os::fd::AsFd;
        let program = XdpProgram::load(self.config.queue + 1)?;
        program.register_socket(self.config.queue, socket.handle().as_fd())?;
        take(&program)?;
        let attachment =
            program
                .attach(self.link.index, self.mode)
                .map_err(|error| match error {
                    Error::NativeRefused { .. } => anyhow!("{error} (--mode generic, or auto)"),
                    other => other.into(),
                })?;
        if let Some(refusal) = attachment.native_refusal() {
            report::say(format_args!(
                "xskit: note: {} is in generic mode, since its driver refused native: {refusal}",
                self.link.name
            ));
        }
        Ok(Attached {
            program,
            attachment,
        })
    }
}

/// A size of frames that the kernel takes: it cuts no frame across two pages
/// (`xdp_umem_reg`, EINVAL).
fn frame_size(bytes: u32) -> anyhow::Result<FrameSize> {
    let frame_size = FrameSize::new(bytes).context("--frame-size")?;
    ensure!(
        bytes as usize <= page_size(),
        "--frame-size: frames of {bytes} bytes are not possible here: none may be larger than a \
         page, which has {} bytes on this machine",
        page_size()
    );
    Ok(frame_size)
}

/// Checks that the interface's largest packet fits a frame.
fn require_fit(link: &Link, frame_size: FrameSize) -> anyhow::Result<()> {
    let most = frame_size.bytes() - FRAME_OVERHEAD_BYTES;
    if link.mtu_bytes <= most {
        return Ok(());
    }
    let larger_frames = if (frame_size.bytes() as usize) < page_size() {
        format!("--frame-size {}, or ", page_size())
    } else {
        String::new()
    };
    bail!(
        "packets of {0} don't fit frames of {1} bytes: its MTU is {2}, and {FRAME_OVERHEAD_BYTES} \
         bytes go to headers; use {larger_frames}an MTU of {most} at most: ip link set {0} mtu 1500",
        link.name,
        frame_size.bytes(),
        link.mtu_bytes
    )
}

/// The XDP program on the interface; dropping this takes it off.
pub(crate) struct Attached {
    pub(crate) program: XdpProgram,
    attachment: Attachment,
}

impl Attached {
    /// The modes obtained, as reports name them: `native, copy` and the like.
    pub(crate) fn mode<B: Backend>(&self, socket: &Socket<'_, B>) -> String {
        format!("{}, {}", self.attachment.mode(), copy_mode(socket))
    }
}

/// Whether the socket copies packets.
pub(crate) fn copy_mode<B: Backend>(socket: &Socket<'_, B>) -> &'static str {
    if socket.obtained().zero_copy {
        "zero-copy"
    } else {
        "copy"
    }
}

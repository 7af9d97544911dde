//! How large a world is, and where its counters start.

use arbitrary::{Arbitrary, Result, Unstructured};
use xskit_core::SocketConfig;
use xskit_core::backend::RingKind;
use xskit_core::ring::RingSize;
use xskit_core::umem::FrameSize;

/// The most frames of any world.
pub const MAX_FRAMES: u32 = 64;

/// The size of every frame in bytes: the least that AF_XDP has.
pub const FRAME_BYTES: u32 = 2048;

const _: () = assert!(Config::frame_size().bytes() == FRAME_BYTES);

/// The interface of every socket.
pub const IFINDEX: u32 = 1;

/// How large a world is, and where its counters start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Frames of the UMEM, 1 to [`MAX_FRAMES`].
    pub frames: u32,
    /// Slots of each ring, by [`RingKind`]: powers of two.
    pub slots: [u32; 4],
    /// The value of each ring's producer and consumer word when it is mapped.
    pub starts: [u32; 4],
    /// Frames that the kernel is to hold for receiving.
    pub fill_frames: Option<u32>,
    /// Whether the kernel grants zero-copy mode.
    pub zero_copy: bool,
    /// Whether the kernel lets a kick send the whole TX ring instead of 32 packets.
    pub raises_budget: bool,
    /// Whether two sockets are open at the beginning instead of one.
    pub has_two: bool,
}

impl Config {
    /// A world of equal rings.
    #[must_use]
    pub const fn even(frames: u32, slots: u32, start: u32) -> Self {
        Self {
            frames,
            slots: [slots; 4],
            starts: [start; 4],
            fill_frames: None,
            zero_copy: false,
            raises_budget: false,
            has_two: false,
        }
    }

    /// The configuration of a socket on this queue.
    ///
    /// # Panics
    /// If a number of slots is not a power of two.
    #[must_use]
    pub fn socket(&self, queue: u32) -> SocketConfig {
        let size = |ring| RingSize::new(self.slots_of(ring)).expect("a power of two");
        SocketConfig {
            fill: size(RingKind::Fill),
            completion: size(RingKind::Completion),
            rx: size(RingKind::Rx),
            tx: size(RingKind::Tx),
            fill_frames: self.fill_frames,
            ..SocketConfig::new(IFINDEX, queue)
        }
    }

    /// The frame size in the core's type.
    #[must_use]
    pub const fn frame_size() -> FrameSize {
        match FrameSize::new(FRAME_BYTES) {
            Ok(size) => size,
            Err(_) => FrameSize::DEFAULT,
        }
    }

    /// Packets that one kick sends; `None` in zero-copy mode, where it sends all.
    #[must_use]
    pub fn kick_budget(&self) -> Option<u32> {
        let raised = if self.raises_budget {
            self.slots_of(RingKind::Tx)
        } else {
            0
        };
        (!self.zero_copy).then_some(raised.max(32))
    }

    /// A ring's number of slots.
    #[must_use]
    pub const fn slots_of(&self, ring: RingKind) -> u32 {
        self.slots[ring as usize]
    }

    /// The start of a ring's words.
    #[must_use]
    pub const fn start_of(&self, ring: RingKind) -> u32 {
        self.starts[ring as usize]
    }
}

impl<'a> Arbitrary<'a> for Config {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let mut slots = [1; 4];
        let mut starts = [0; 4];
        for (slots, start) in slots.iter_mut().zip(&mut starts) {
            *slots = 1 << bytes.int_in_range(0..=6u8)?;
            *start = match bytes.int_in_range(0..=3u8)? {
                0 => 0,
                1 => bytes.arbitrary()?,
                _ => u32::MAX - bytes.int_in_range(0..=70u32)?,
            };
        }
        let fill_frames = bytes.arbitrary::<Option<u8>>()?;
        let frames = bytes.int_in_range(1..=MAX_FRAMES)?;
        let zero_copy = bytes.arbitrary()?;
        let last = bytes.arbitrary::<u8>()?;
        Ok(Self {
            frames,
            slots,
            starts,
            fill_frames: fill_frames.map(|frames| u32::from(frames % 80)),
            zero_copy,
            raises_budget: last & 1 != 0,
            has_two: last & 2 != 0,
        })
    }
}

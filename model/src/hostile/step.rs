//! What a hostile kernel does, and a program that has to live with it.

use arbitrary::{Arbitrary, Result, Unstructured};
use xskit_core::backend::RingKind;

use crate::op::{Answer, Op, RINGS};

/// A step of the program, or of a kernel that writes arbitrary values into shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The program's steps; those of an honest kernel do nothing here.
    Program(Op),
    /// Write a word of a ring, either end's.
    Word {
        /// Which ring.
        ring: RingKind,
        /// The producer's word, rather than the consumer's.
        of_producer: bool,
        /// What to write.
        value: Word,
    },
    /// Write the flags word of a ring.
    Flags {
        /// Which ring.
        ring: RingKind,
        /// What to write.
        value: u32,
    },
    /// Write a slot of a ring.
    Slot {
        /// Which ring.
        ring: RingKind,
        /// Which slot, counted from the program's position.
        ahead: u8,
        /// What to write.
        entry: Entry,
    },
    /// Write the slot that the kernel comes to next, and show it, as an honest kernel does, except
    /// for the value.
    Show {
        /// The completion ring, rather than the RX ring.
        is_completion: bool,
        /// What to write.
        entry: Entry,
    },
}

/// What to write into a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Anything.
    Any(u32),
    /// This far ahead of the program's position.
    FromProgram(i8),
    /// This far ahead of the other word.
    FromOther(i8),
    /// This far ahead of its value.
    FromItself(i8),
}

/// What to write into a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The address.
    pub addr: Address,
    /// The length in bytes, if the slot has one.
    pub len: u32,
    /// The options, if the slot has some.
    pub options: u32,
}

/// An address to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// Anything.
    Any(u64),
    /// In some frame, or just behind the last one.
    InFrame(u8, u16),
    /// In a frame that was lent, by its place among them.
    InLent(u8, u16),
    /// In a frame that was lent and taken off the fill ring, by its place among them.
    InTaken(u8, u16),
    /// In a frame that was lent and is still on the fill ring, by its place among them.
    OnFillRing(u8, u16),
    /// That of an earlier descriptor on the RX ring, this many before the last, as igb's zero-copy
    /// driver repeats it when its fill ring runs dry.
    Again(u8),
    /// In a frame that was lent or sent, plus bits that are lost if the frame's number is cut to 32
    /// bits.
    BeyondNumbers(u8, u8, u16),
    /// In a frame that was sent, by its place among them.
    InSent(u8, u16),
    /// In a frame that the kernel has by the other socket, by its place among those lent and then
    /// those sent.
    Elsewhere(u8, u16),
}

impl<'a> Arbitrary<'a> for Step {
    /// Half of them the program's; of the others, most are nearly plausible.
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let step = match bytes.int_in_range(0..=31u8)? {
            0..=15 => Self::Program(bytes.arbitrary()?),
            16 => Self::Word {
                ring: *bytes.choose(&RINGS)?,
                of_producer: bytes.arbitrary()?,
                value: bytes.arbitrary()?,
            },
            17 => Self::Flags {
                ring: *bytes.choose(&RINGS)?,
                value: bytes.arbitrary()?,
            },
            18 => Self::Slot {
                ring: *bytes.choose(&RINGS)?,
                ahead: bytes.arbitrary()?,
                entry: bytes.arbitrary()?,
            },
            19..=27 => Self::Show {
                is_completion: bytes.arbitrary()?,
                entry: bytes.arbitrary()?,
            },
            // Takes what an honest kernel can take, so that packets can come.
            28 => Self::Word {
                ring: RingKind::Fill,
                of_producer: false,
                value: Word::FromProgram(bytes.int_in_range(-4..=0i8)?),
            },
            29 => Self::Program(Op::Flush(Answer::Later)),
            31 => Self::Program(Op::Switch),
            // Claims to have taken some entries more.
            _ => Self::Word {
                ring: *bytes.choose(&[RingKind::Fill, RingKind::Tx])?,
                of_producer: false,
                value: Word::FromItself(bytes.int_in_range(0..=8i8)?),
            },
        };
        Ok(step)
    }
}

impl<'a> Arbitrary<'a> for Word {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match bytes.int_in_range(0..=4u8)? {
            0 => Self::Any(bytes.arbitrary()?),
            1 => Self::FromProgram(bytes.arbitrary()?),
            2 => Self::FromOther(bytes.arbitrary()?),
            3 => Self::FromProgram(bytes.int_in_range(-2..=4i8)?),
            _ => Self::FromOther(bytes.int_in_range(-2..=4i8)?),
        })
    }
}

impl<'a> Arbitrary<'a> for Entry {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self {
            addr: bytes.arbitrary()?,
            len: match bytes.int_in_range(0..=7u8)? {
                0 => bytes.arbitrary()?,
                1 => bytes.int_in_range(2046..=2050u32)?,
                _ => bytes.int_in_range(0..=1500u32)?,
            },
            options: match bytes.int_in_range(0..=15u8)? {
                0 => bytes.arbitrary()?,
                1 => 1,
                2 => 2,
                _ => 0,
            },
        })
    }
}

impl<'a> Arbitrary<'a> for Address {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let kind = bytes.int_in_range(0..=15u8)?;
        match kind {
            0 => return Ok(Self::Any(bytes.arbitrary()?)),
            1 => return Ok(Self::Again(bytes.int_in_range(0..=7u8)?)),
            _ => {}
        }
        let offset = match bytes.int_in_range(0..=7u8)? {
            0 => bytes.arbitrary()?,
            1 => bytes.int_in_range(2046..=2049u16)?,
            _ => bytes.int_in_range(0..=512u16)?,
        };
        let frame = bytes.arbitrary()?;
        Ok(match kind {
            2 => Self::InFrame(frame, offset),
            3 => Self::BeyondNumbers(bytes.arbitrary()?, frame, offset),
            4 => Self::OnFillRing(frame, offset),
            5 => Self::InLent(frame, offset),
            6..=11 => Self::InTaken(frame, offset),
            12 => Self::Elsewhere(frame, offset),
            _ => Self::InSent(frame, offset),
        })
    }
}
